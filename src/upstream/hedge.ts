import type { Budget as BudgetContract, HedgeRules } from '../contracts/attempts.ts';
import { Budget } from './budget.ts';
import { Quantile } from './latency.ts';

const P95 = 0.95;

/** When a second target is asked beside the first: after a fixed time, or after what 95 % of the latest replies took. */
export class Hedge implements HedgeRules {
  readonly budget: BudgetContract;
  readonly #fixed: number;
  readonly #usual: Quantile | null;

  /** @param after Milliseconds, or `p95`. @param max Hedges as a fraction of the requests. */
  constructor(after: number | 'p95', max: number) {
    this.budget = new Budget(max, 0);
    this.#fixed = after === 'p95' ? Infinity : after;
    this.#usual = after === 'p95' ? new Quantile(P95) : null;
  }

  get afterMs(): number {
    return this.#usual === null ? this.#fixed : this.#usual.value;
  }

  learn(ms: number): void {
    this.#usual?.add(ms);
  }
}
