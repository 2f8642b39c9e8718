import type { Budget as BudgetContract } from '../contracts/attempts.ts';
import { Recent, RECENT_SECONDS } from './recent.ts';

/**
 * How much may be added to the traffic of one upstream: a share of its requests over the last ten seconds, and never
 * less than a floor, so that an upstream with little traffic has retries too. One per worker: shares add up by themselves.
 */
export class Budget implements BudgetContract {
  readonly #share: number;
  readonly #least: number;
  readonly #requests = new Recent();
  readonly #taken = new Recent();

  /** @param share Fraction of the requests. @param perSecond The floor. */
  constructor(share: number, perSecond: number) {
    this.#share = share;
    this.#least = perSecond * RECENT_SECONDS;
  }

  note(now: number): void {
    this.#requests.add(now);
  }

  has(now: number): boolean {
    const allowed = Math.max(this.#least, this.#share * this.#requests.count(now));
    return this.#taken.count(now) + 1 <= allowed;
  }

  take(now: number): boolean {
    if (!this.has(now)) return false;
    this.#taken.add(now);
    return true;
  }
}
