import type { Attempt } from '../contracts/exchange.ts';
import { FAULTS } from '../contracts/fault.ts';
import type { PassiveHealth } from '../contracts/health.ts';
import type { SharedWords } from '../contracts/stores.ts';

/** Places of the words that the workers of a node share of one endpoint. */
const FAILURES = 0;
/** When the first of them was, in milliseconds of the system-wide clock. */
const BEGUN = 1;

/** Whether an attempt was a failure of the target (1), went well (0), or tells nothing of it (-1). */
export function verdictOn({ status, fault }: Attempt, failing: ReadonlySet<number>): 1 | 0 | -1 {
  // What the client or the gateway did is not the target's doing.
  if (fault !== null) return FAULTS[fault.code].side === 'upstream' ? 1 : -1;
  if (status === 0) return -1;
  return failing.has(status) ? 1 : 0;
}

/**
 * Counts failures in a row of each target, over all workers of the node, and tells of those that are too many. A
 * success costs one read of a word.
 */
export class PassiveWatch {
  readonly #rules: PassiveHealth;
  readonly #failing: ReadonlySet<number>;
  readonly #wordsOf: (key: string) => BigInt64Array;
  readonly #words = new Map<string, BigInt64Array>();
  readonly #suspect: (key: string) => void;

  /**
   * @param upstream Its id.
   * @param suspect Called with the key of an endpoint that failed too often.
   */
  constructor(upstream: string, rules: PassiveHealth, shared: SharedWords, suspect: (key: string) => void) {
    this.#rules = rules;
    this.#failing = new Set(rules.statuses);
    this.#wordsOf = (key) => shared.words(`passive ${upstream} ${key}`);
    this.#suspect = suspect;
  }

  /** @param key Of the endpoint that was tried. */
  settled(a: Attempt, key: string): void {
    const verdict = verdictOn(a, this.#failing);
    if (verdict < 0) return;
    let words = this.#words.get(key);
    if (words === undefined) this.#words.set(key, (words = this.#wordsOf(key)));
    if (verdict === 0) {
      if (words[FAILURES] !== 0n) Atomics.store(words, FAILURES, 0n);
    } else if (this.#failed(words) >= this.#rules.failures) {
      Atomics.store(words, FAILURES, 0n);
      this.#suspect(key);
    }
  }

  /** Failures in a row with this one. */
  #failed(words: BigInt64Array): number {
    const now = process.hrtime.bigint() / 1_000_000n;
    const before = Number(Atomics.add(words, FAILURES, 1n));
    if (before === 0) {
      Atomics.store(words, BEGUN, now);
      return 1;
    }
    if (Number(now - Atomics.load(words, BEGUN)) <= this.#rules.window) return before + 1;
    // The first ones are too long ago: the row begins anew with this one.
    Atomics.store(words, BEGUN, now);
    Atomics.store(words, FAILURES, 1n);
    return 1;
  }
}
