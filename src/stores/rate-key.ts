import { saltOf } from './key-name.ts';
import { LastKnown } from './last-known.ts';
import type { LocalMeter } from './local-meter.ts';

/** Milliseconds over which a key's rate is measured, at most and at least. */
const RECENT = 500;
const LEAST = 10;

/** What this process knows of one key of a rate. Times are of `performance.now()`. */
export class RateKey {
  /** As it stands in Redis. */
  readonly name: string;
  /** Belongs to the key, the same everywhere. */
  readonly salt: number;
  /** Tokens taken in advance that are not spent, and until when they may be. */
  lease = 0;
  leaseEnds = 0;
  leaseStart = 0;
  /** When Redis granted the lease, in its microseconds. */
  granted = 0;
  /** Below this, or after this, the next lease is asked for. */
  low = 0;
  renewAt = 0;
  /** Whether the next lease is being asked for. */
  asking = false;
  /** What an ended lease has left, since when in Redis's microseconds, and until when that can be given back. */
  unspent = 0;
  unspentSince = 0;
  unspentUntil = 0;
  /** What was left at the authority after the last answer. */
  left = 0;
  /** A refusal that is remembered: until when, for which cost and more, and when the wait is over. */
  refusedUntil = 0;
  refusedCost = 0;
  refusedAt = 0;
  readonly known = new LastKnown();
  /** While Redis is away: what this process has let through. */
  meter: LocalMeter | null = null;
  /** What was let through without Redis and is to be told to it. */
  debt = 0;
  debtAt = 0;
  /** Takes that are not to count after all, not told to Redis yet. */
  back = 0;
  /** Milliseconds of the store's clock when that will have drained, or its window will have ended. */
  backUntil = 0;
  /** Tokens asked for since `demandSince`. */
  demand = 0;
  #demandSince: number;

  constructor(name: string, now: number) {
    this.name = name;
    this.salt = saltOf(name);
    this.#demandSince = now;
  }

  /** Tokens per millisecond that the key was asked for lately. */
  rate(now: number): number {
    const elapsed = now - this.#demandSince;
    const rate = this.demand / Math.max(LEAST, elapsed);
    if (elapsed > RECENT) {
      this.#demandSince = now - RECENT / 4;
      this.demand = (rate * RECENT) / 4;
    }
    return rate;
  }

  grant(tokens: number, start: number, ends: number, granted: number): void {
    this.lease = tokens;
    this.leaseStart = start;
    this.leaseEnds = ends;
    this.granted = granted;
    this.low = tokens / 4;
    this.renewAt = start + (ends - start) * 0.75;
  }
}
