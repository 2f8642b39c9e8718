import type { Bucket, LimitRule, LimitStore } from '../../src/contracts/stores.ts';

/** What a limit has let pass of one key: when, and how much. */
interface Passed {
  readonly at: number;
  readonly cost: number;
}

/** A store in plain terms, on a clock of the test's own. Counts each give and take by `rule key`. */
export class PlainStore implements LimitStore {
  now = 0;
  /** Answers come as promises, once `release` is called. */
  slow = false;
  readonly rules: LimitRule[] = [];
  readonly given: string[] = [];
  readonly #passed = new Map<string, Passed[]>();
  readonly #waiting: (() => void)[] = [];

  bucket(rule: LimitRule): Bucket {
    this.rules.push(rule);
    return {
      take: (key, cost) => {
        const answer = () => this.#take(rule, `${rule.id} ${key}`, cost);
        if (!this.slow) return answer();
        return new Promise((resolve) => this.#waiting.push(() => resolve(answer())));
      },
      give: (key, cost) => {
        this.given.push(`${rule.id} ${key}`);
        const list = this.#of(`${rule.id} ${key}`);
        const at = list.findIndex((each) => each.cost === cost);
        if (at >= 0) list.splice(at, 1);
      },
      resetMs: (verdict) => (verdict < 0 ? -verdict : rule.periodMs),
    };
  }

  /** Every answer that was asked for comes. */
  release(): void {
    for (const answer of this.#waiting.splice(0)) answer();
  }

  /** How much of a key is taken now. */
  taken(id: string): number {
    return this.#of(id).reduce((sum, { cost }) => sum + cost, 0);
  }

  /** Every bucket that was ever used. */
  get keys(): string[] {
    return [...this.#passed.keys()];
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  /** Not how a bucket refills, but a policy cannot tell: what was taken comes back after one period. */
  #take({ periodMs, burst }: LimitRule, id: string, cost: number): number {
    const list = this.#of(id).filter(({ at }) => periodMs === 0 || at + periodMs > this.now);
    this.#passed.set(id, list);
    const left = burst - list.reduce((sum, each) => sum + each.cost, 0) - cost;
    if (left < 0) return -Math.max(1, (list[0]?.at ?? this.now) + periodMs - this.now);
    list.push({ at: this.now, cost });
    return left;
  }

  #of(id: string): Passed[] {
    let list = this.#passed.get(id);
    if (list === undefined) this.#passed.set(id, (list = []));
    return list;
  }
}
