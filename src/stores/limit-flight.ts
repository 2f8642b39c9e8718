import type { Bucket, LimitRule, Verdict } from '../contracts/stores.ts';
import type { Authority } from './authority.ts';
import { saltOf, shortName } from './key-name.ts';

/** Milliseconds that Redis believes a lane, and between two statements of a lane that is held on to. */
const BELIEVED = 6_000;
const RESTATE = 2_000;
/** What a refused client is told to wait: when another request ends is not known. */
const RETRY_MS = 1_000;

/** Requests in flight under one key in this process. */
export interface Lane {
  readonly key: string;
  readonly salt: number;
  /** In flight here. */
  used: number;
  /** Places that Redis has granted to this process: those in flight and a few in advance. */
  held: number;
  /** `performance.now()` when Redis last heard of it. */
  statedAt: number;
  /** Whether Redis may believe something else. */
  unsure: boolean;
  /** Questions on their way: the lane is not stated before they are answered. */
  asking: number;
}

/** What a bucket works with; the store gives the same to all. */
export interface FlightParts {
  readonly authority: Authority;
  /** Of all buckets with the rule's identity, so that a reload forgets nobody. */
  readonly lanes: Map<string, Lane>;
  /** Name of this process's lanes. */
  readonly member: string;
  /** Milliseconds that a free place is kept; 0 = not at all. */
  readonly lease: number;
}

/**
 * Requests in flight, counted in Redis. Each process has a lane per key, which it states whole and often, so that
 * the lane of a dead process ends by itself. A place that becomes free is kept for the next request for one lease.
 */
export class FlightBucket implements Bucket {
  readonly #rule: LimitRule;
  readonly #parts: FlightParts;
  readonly #lease: number;

  constructor(rule: LimitRule, parts: FlightParts) {
    this.#rule = rule;
    this.#parts = parts;
    this.#lease = rule.exact ? 0 : parts.lease;
  }

  take(name: string, cost: number): Verdict | Promise<Verdict> {
    const key = shortName(name);
    const { lanes, authority } = this.#parts;
    let lane = lanes.get(key);
    if (lane === undefined) {
      lane = { key, salt: saltOf(key), used: 0, held: 0, statedAt: 0, unsure: false, asking: 0 };
      lanes.set(key, lane);
    }
    if (authority.away) return this.#takeAlone(lane, cost);
    if (lane.used + cost > lane.held) return this.#ask(lane, cost);
    lane.used += cost;
    return lane.held - lane.used;
  }

  give(key: string, cost: number): void {
    const lane = this.#parts.lanes.get(shortName(key));
    if (lane === undefined) return;
    lane.used = Math.max(0, lane.used - cost);
    if (this.#lease === 0 && lane.asking === 0) this.#state(lane);
  }

  /** When a place becomes free is not known. */
  resetMs(): number {
    return 0;
  }

  /** Gives back places that were free for a lease, and says again what is held. */
  settle(now: number): void {
    const { lanes, authority } = this.#parts;
    for (const lane of lanes.values()) {
      if (lane.asking > 0) continue;
      const quiet = now - lane.statedAt;
      const free = lane.held - lane.used;
      const due = lane.unsure || quiet > RESTATE || (free !== 0 && quiet > this.#lease);
      if (due && !authority.away) this.#state(lane);
      else if (lane.held === 0 && lane.used === 0 && !lane.unsure) lanes.delete(lane.key);
    }
  }

  async #ask(lane: Lane, cost: number): Promise<Verdict> {
    const want = this.#lease === 0 ? 0 : Math.ceil(lane.used / 4);
    lane.asking++;
    const reply = await this.#run(lane, -1, cost, want);
    lane.asking--;
    if (reply === null) return this.#takeAlone(lane, cost);
    const [left = -1, , extra = 0] = reply;
    if (left >= 0) {
      lane.used += cost;
      lane.held += cost + extra;
    }
    if (this.#lease === 0 && lane.asking === 0 && lane.held !== lane.used) this.#state(lane);
    return left < 0 ? -RETRY_MS : left + extra;
  }

  /** Tells Redis what is in flight here, which gives back the rest. */
  #state(lane: Lane): void {
    lane.held = lane.used;
    lane.unsure = false;
    void this.#run(lane, lane.used, 0, 0);
  }

  async #run(lane: Lane, held: number, cost: number, want: number): Promise<readonly number[] | null> {
    const { authority, member } = this.#parts;
    const { amount, id } = this.#rule;
    lane.statedAt = performance.now();
    const args = [amount, member, held, cost, want, 4 * authority.members.count, BELIEVED];
    const reply = await authority.ask('concurrency', `${id}:${lane.key}`, args);
    if (reply === null) lane.unsure = true;
    return reply;
  }

  #takeAlone(lane: Lane, cost: number): Verdict {
    const part = this.#parts.authority.members.part(this.#rule.amount, lane.salt);
    if (lane.used + cost > part) return -RETRY_MS;
    lane.used += cost;
    lane.held = Math.max(lane.held, lane.used);
    return part - lane.used;
  }
}
