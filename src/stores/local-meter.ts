import type { LimitRule } from '../contracts/stores.ts';

/**
 * How much of one bucket this process has let through by itself, while Redis could not be asked. The same algorithms
 * as in Redis, on this process's part of the limit.
 */
export interface LocalMeter {
  /** Tokens in the bucket (token bucket), or counted in the present window. */
  level: number;
  /** Counted in the window before. */
  before: number;
  /** Milliseconds of the store's clock when `level` was right; or the number of the present window. */
  at: number;
}

/** A rule, and the part of it that this process has. */
export interface Part {
  readonly rule: LimitRule;
  /** Whole: of the capacity. */
  readonly capacity: number;
  /** How many processes the rate is divided by. */
  readonly sharers: number;
}

/** Milliseconds in which one token drains from this process's part. */
const drainMs = ({ rule, sharers }: Part): number => (rule.periodMs / rule.amount) * sharers;

/** A meter that begins with `used` of the part gone. `now` is milliseconds of the store's clock. */
export function openMeter({ rule }: Part, used: number, now: number): LocalMeter {
  const at = rule.algorithm === 'token-bucket' ? now : Math.floor(now / rule.periodMs);
  return { level: used, before: 0, at };
}

/** Brings the meter to the present. */
export function advance(meter: LocalMeter, part: Part, now: number): void {
  const { algorithm, periodMs } = part.rule;
  if (algorithm === 'token-bucket') {
    meter.level = Math.max(0, meter.level - Math.max(0, now - meter.at) / drainMs(part));
    meter.at = now;
    return;
  }
  const window = Math.floor(now / periodMs);
  if (window <= meter.at) return;
  meter.before = window === meter.at + 1 ? meter.level : 0;
  meter.level = 0;
  meter.at = window;
}

/** Takes from the part; the answer is a verdict. */
export function takeLocally(meter: LocalMeter, part: Part, cost: number, now: number): number {
  advance(meter, part, now);
  const { rule, capacity } = part;
  const weight = weightOf(meter, rule, now);
  const free = capacity - meter.level - weight - cost;
  if (free > -1e-6) {
    meter.level += cost;
    return Math.max(0, Math.floor(free + 1e-6));
  }
  const wait =
    rule.algorithm === 'token-bucket' ? -free * drainMs(part) : rule.periodMs - (now % rule.periodMs);
  return -Math.max(1, Math.ceil(wait));
}

function weightOf(meter: LocalMeter, { algorithm, periodMs }: LimitRule, now: number): number {
  return algorithm === 'sliding-window' ? meter.before * (1 - (now % periodMs) / periodMs) : 0;
}
