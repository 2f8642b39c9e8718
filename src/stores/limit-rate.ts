import type { Bucket, LimitRule, Verdict } from '../contracts/stores.ts';
import type { Authority } from './authority.ts';
import type { KeyTable } from './key-table.ts';
import { shortName } from './key-name.ts';
import { advance, openMeter, takeLocally, type Part } from './local-meter.ts';
import { RateKey } from './rate-key.ts';

/** A lease shorter than this many milliseconds is not worth its call. */
const SHORTEST = 10;
/** Of the tokens expected in one lease, so that it seldom ends early. */
const SPARE = 1.25;
/** Unspent tokens of a token bucket can be given back this many milliseconds after they were granted (the script's span) ... */
const RECALL = 250;
/** ... less this, for the way. */
const SETTLE = 50;
/** Keys that are settled in one turn, so that Redis is not flooded when it has just come back. */
const AT_ONCE = 200;

/** What a bucket works with; the store gives the same to all. */
export interface RateParts {
  readonly authority: Authority;
  readonly keys: KeyTable<RateKey>;
  /** Longest lease in milliseconds; 0 = none. */
  readonly lease: number;
}

/**
 * The buckets of a rate whose authority is Redis. A busy key is given tokens in advance (a lease) and spends them here
 * without asking; a refusal is remembered until it may end; while Redis is away each process enforces its part.
 */
export class RateBucket implements Bucket {
  readonly #rule: LimitRule;
  readonly #authority: Authority;
  readonly #keys: KeyTable<RateKey>;
  /** Milliseconds of a lease; 0 = none. */
  readonly #term: number;
  /** Milliseconds per token of a token bucket, or of the window. */
  readonly #unit: number;
  readonly #tokens: boolean;
  /** Milliseconds after which it is as if a key had never been asked for. */
  readonly #whole: number;
  /** Redis's clock less `performance.now()`, in milliseconds. */
  #offset = Date.now() - performance.now();

  constructor(rule: LimitRule, { authority, keys, lease }: RateParts) {
    this.#rule = rule;
    this.#authority = authority;
    this.#keys = keys;
    this.#tokens = rule.algorithm === 'token-bucket';
    this.#unit = this.#tokens ? rule.periodMs / rule.amount : rule.periodMs;
    this.#whole = this.#tokens ? rule.burst * this.#unit : 2 * rule.periodMs;
    // Tokens that drain during a lease are lost for bursts meanwhile: at most a quarter of the bucket.
    const term = Math.min(lease, this.#tokens ? (rule.burst * this.#unit) / 4 : lease);
    this.#term = rule.exact || term < SHORTEST ? 0 : term;
  }

  take(full: string, cost: number): Verdict | Promise<Verdict> {
    const name = shortName(full);
    const now = performance.now();
    let key = this.#keys.get(name);
    if (key === undefined) this.#keys.add(name, (key = new RateKey(name, now)));
    key.demand += cost;
    if (key.lease >= cost && now < key.leaseEnds) {
      key.lease -= cost;
      if (key.lease < key.low || now > key.renewAt) this.#renew(key, now);
      return key.left + key.lease;
    }
    if (now < key.refusedUntil && cost >= key.refusedCost) return this.#refusal(key, now);
    if (this.#authority.away) return this.#takeAlone(key, cost, now);
    return this.#ask(key, cost, key.asking ? 0 : this.#want(key, now), now);
  }

  give(full: string, cost: number, leftMs = this.#tokens ? this.#whole : this.#windowLeft()): void {
    const back = this.#tokens ? Math.min(cost, leftMs / this.#unit) : cost;
    if (leftMs <= (this.#rule.algorithm === 'sliding-window' ? -this.#unit : 0)) return;
    const name = shortName(full);
    const now = performance.now();
    const key = this.#keys.get(name) ?? new RateKey(name, now);
    key.refusedUntil = 0;
    if (this.#authority.away) {
      if (leftMs > 0) giveAlone(key, back);
      return;
    }
    this.#giveLater(key, back, this.#clock(now) + leftMs);
    if (this.#rule.exact) void this.#ask(key, 0, 0, now);
    else this.#keys.owe(key);
  }

  resetMs(verdict: Verdict): number {
    if (!this.#tokens) return this.#windowLeft();
    const { burst } = this.#rule;
    return verdict >= 0 ? (burst - verdict) * this.#unit : burst * this.#unit - verdict;
  }

  #windowLeft(): number {
    return this.#unit - (this.#clock(performance.now()) % this.#unit);
  }

  /** Several go to Redis at once: as the oldest of them where windows count, so that no later window is credited. */
  #giveLater(key: RateKey, back: number, until: number): void {
    const merge = this.#tokens ? Math.max : Math.min;
    key.backUntil = key.back === 0 ? until : merge(key.backUntil, until);
    key.back += back;
  }

  /** Gives back what is left of the leases that have ended, so that others may have it, and settles debts. */
  settle(now: number): void {
    const { leased, owing } = this.#keys;
    for (const key of leased) {
      if (now < key.leaseEnds) continue;
      leased.delete(key);
      this.#endLease(key);
      if (key.unspent > 0) this.#keys.owe(key);
    }
    if (this.#authority.away) return;
    this.#keys.forget(now, this.#whole);
    let asks = 0;
    for (const key of owing) {
      if (++asks > AT_ONCE) break;
      owing.delete(key);
      void this.#ask(key, 0, 0, now);
    }
  }

  /** Asks Redis: one script, which also settles what this process owes or has left for the key. */
  async #ask(key: RateKey, cost: number, want: number, now: number): Promise<Verdict> {
    if (want > 0) key.asking = true;
    if (now >= key.leaseEnds) this.#endLease(key);
    const usable = now + SETTLE < key.unspentUntil ? key.unspent : 0;
    const debt = this.#takeDebt(key, now);
    // A debt is of the present window: what was taken in an earlier one does not pay it.
    const back = debt > 0 && key.backUntil <= this.#clock(now) ? 0 : key.back;
    const args = this.#args(cost, want, back - debt, usable, key.unspentSince);
    args.push(Math.round(key.backUntil * 1_000));
    key.unspent = key.back = 0;
    const reply = await this.#authority.ask(this.#rule.algorithm, this.#nameOf(key), args);
    if (want > 0) key.asking = false;
    if (reply !== null) return this.#heard(key, cost, back - debt + usable, now, reply);
    this.#owe(key, debt, now);
    return cost === 0 ? 0 : this.#takeAlone(key, cost, performance.now());
  }

  /** @param returned What the question gave back, less what it paid of a debt. */
  #heard(key: RateKey, cost: number, returned: number, asked: number, reply: readonly number[]): Verdict {
    const [left = -1, wait = 0, extra = 0, time = 0, ends = 0, held = 0] = reply;
    const heard = performance.now();
    this.#offset = time / 1_000 - heard;
    key.meter = null;
    const granted = left < 0 ? 0 : cost + extra + (this.#tokens ? ends : 0);
    key.known.hear(this.#rule, Math.max(0, left), granted - returned, time / 1_000);
    if (left < 0) {
      if (cost === 0) return left;
      const until = wait / 1_000;
      key.refusedAt = heard + until;
      // Unspent tokens of a lease may come back before: then it is worth asking again.
      key.refusedUntil = this.#rule.exact ? 0 : asked + Math.min(until, held > 0 ? held / 1_000 + 1 : until);
      key.refusedCost = cost;
      return -Math.max(1, Math.ceil(until));
    }
    key.left = left;
    if (extra > 0) {
      const term = this.#tokens ? this.#term : Math.min(this.#term, ends / 1_000);
      this.#endLease(key);
      key.grant(extra, asked, asked + term, time);
      this.#keys.leased.add(key);
    }
    return left + key.lease;
  }

  /** Asks for the next lease while the present one is still being spent. */
  #renew(key: RateKey, now: number): void {
    const want = key.asking || this.#authority.away ? 0 : this.#want(key, now);
    if (want > 0) void this.#ask(key, 0, want, now);
  }

  /** How many tokens the key will want in one lease; 0 = it is not busy enough. */
  #want(key: RateKey, now: number): number {
    if (this.#term === 0) return 0;
    const wanted = Math.ceil(key.rate(now) * this.#term * SPARE);
    return wanted < 3 ? 0 : wanted;
  }

  #endLease(key: RateKey): void {
    if (key.lease === 0) return;
    if (key.unspent === 0) {
      key.unspentSince = key.granted;
      // A window takes it back as long as it is the same.
      key.unspentUntil = this.#tokens ? key.leaseStart + RECALL : Infinity;
    }
    key.unspent += key.lease;
    key.lease = 0;
  }

  #refusal(key: RateKey, now: number): Verdict {
    return -Math.max(1, Math.ceil(key.refusedAt - now));
  }

  /** Decides without Redis, on this process's part of the limit. */
  #takeAlone(key: RateKey, cost: number, now: number): Verdict {
    const clock = this.#clock(now);
    const part = this.#part(key);
    if (key.meter === null) {
      const gone = key.known.gone(this.#rule, clock) / part.sharers;
      key.meter = openMeter(part, Math.min(part.capacity, gone), clock);
    }
    const verdict = takeLocally(key.meter, part, cost, clock);
    if (verdict >= 0) this.#owe(key, cost, now);
    return verdict;
  }

  #part(key: RateKey): Part {
    const { members } = this.#authority;
    const capacity = members.part(this.#rule.burst, key.salt);
    return { rule: this.#rule, capacity, sharers: members.count };
  }

  #owe(key: RateKey, cost: number, now: number): void {
    if (cost === 0) return;
    key.debt = this.#takeDebt(key, now) + cost;
    key.debtAt = now;
    this.#keys.owe(key);
  }

  /** What is still owed: what would have drained by now is not. */
  #takeDebt(key: RateKey, now: number): number {
    if (key.debt === 0) return 0;
    const meter = openMeter(this.#part(key), key.debt, this.#clock(key.debtAt));
    advance(meter, this.#part(key), this.#clock(now));
    key.debt = 0;
    return meter.level;
  }

  #args(cost: number, want: number, back: number, unspent: number, since: number): (string | number)[] {
    const unit = String(this.#unit * 1_000);
    const share = 4 * this.#authority.members.count;
    return [this.#rule.burst, unit, cost, want, share, this.#term * 1_000, back, unspent, since];
  }

  #nameOf(key: RateKey): string {
    return `${this.#rule.id}:${key.name}`;
  }

  #clock(now: number): number {
    return now + this.#offset;
  }
}

/** Without Redis: what is given back is neither counted nor owed. */
function giveAlone(key: RateKey, back: number): void {
  if (key.meter !== null) key.meter.level = Math.max(0, key.meter.level - back);
  key.debt = Math.max(0, key.debt - back);
}
