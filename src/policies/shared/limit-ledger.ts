import type { Count } from '../../contracts/policy.ts';
import type { Bucket, Verdict } from '../../contracts/stores.ts';

/** The buckets of one limit, or of one of its overrides. */
export interface Tariff {
  readonly bucket: Bucket;
  /** Name of the limit. */
  readonly name: string;
  readonly shadow: boolean;
  readonly cost: number;
  /** `concurrency`: given back when the exchange ends. */
  readonly concurrent: boolean;
  /** `count: failures`: given back unless the reply has one of these statuses. */
  readonly failures: ReadonlySet<number> | null;
  /** The most that can be taken at once. */
  readonly capacity: number;
  /** Member of RateLimit-Policy. */
  readonly policy: string;
  /** What replies say of a limit that is alone, up to what is left. */
  readonly beginning: string;
  /** The name as a structured string. */
  readonly quoted: string;
  readonly allowed: Count;
  readonly refused: Count;
}

/** One question to one limit, and its answer. */
export class Take {
  readonly tariff: Tariff;
  readonly key: string;
  /** The one asked before it. */
  readonly before: Take | null;
  /** NaN until the store has answered. */
  verdict: Verdict = NaN;
  resetMs = 0;
  /** `performance.now()` when it was asked, or answered if that took a while. */
  #at = 0;
  /** Something is taken that may still be given back. */
  open = false;

  constructor(tariff: Tariff, key: string, before: Take | null) {
    this.tariff = tariff;
    this.key = key;
    this.before = before;
  }

  /** @param now `performance.now()`, not after the moment that the store decided at unless it had to be waited for. */
  answer(verdict: Verdict, now: number): void {
    const { bucket, allowed, refused } = this.tariff;
    this.verdict = verdict;
    this.#at = now;
    this.resetMs = bucket.resetMs(verdict);
    this.open = verdict >= 0;
    (this.open ? allowed : refused).inc();
  }

  /** Once, however often it is called. */
  giveBack(): void {
    if (!this.open) return;
    const { bucket, cost, capacity } = this.tariff;
    this.open = false;
    this.verdict = Math.min(capacity, this.verdict + cost);
    bucket.give(this.key, cost, this.resetMs - (performance.now() - this.#at));
  }
}

/** Everything that one exchange has asked of limits, at both places of the order. */
export class Ledger {
  /** The newest; the others hang on it. */
  last: Take | null = null;
  /** The reply carries the fields. */
  told = false;
  #ended = false;

  /**
   * @param now `performance.now()`, or a little before it.
   * @returns The take, when the store has to be waited for.
   */
  ask(tariff: Tariff, key: string, now: number): Promise<void> | null {
    const take = (this.last = new Take(tariff, key, this.last));
    const verdict = tariff.bucket.take(key, tariff.cost);
    if (typeof verdict !== 'number') return verdict.then((late) => this.#late(take, late));
    take.answer(verdict, now);
    return null;
  }

  /** A client may have left meanwhile: then nobody comes any more to give back what was held. */
  #late(take: Take, verdict: Verdict): void {
    take.answer(verdict, performance.now());
    if (this.#ended && isHeld(take)) take.giveBack();
  }

  /** A refused request is charged to none; what is in shadow always counts. */
  refund(): void {
    for (let take = this.last; take !== null; take = take.before) if (!take.tariff.shadow) take.giveBack();
  }

  /** The status of the reply is known. */
  judge(status: number): void {
    for (let take = this.last; take !== null; take = take.before) {
      const { failures } = take.tariff;
      if (failures === null) continue;
      if (failures.has(status)) take.open = false;
      else take.giveBack();
    }
  }

  /** The exchange is over: what was held for as long as it ran goes back. */
  end(): void {
    this.#ended = true;
    for (let take = this.last; take !== null; take = take.before) if (isHeld(take)) take.giveBack();
  }
}

const isHeld = ({ tariff }: Take): boolean => tariff.concurrent || tariff.failures !== null;
