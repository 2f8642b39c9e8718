import type { AuthVerdict } from '../contracts/auth.ts';
import { SLOTS, slotOf } from './token-digest.ts';

interface Entry {
  readonly digest: string;
  readonly verdict: Promise<AuthVerdict>;
  next: Entry | null;
}

/**
 * Tokens that are being checked, so that whoever brings the same text waits for the same answer.
 *
 * Not a Map: whenever one makes a new table of its entries, the old table points to it. As soon as one old table has
 * been moved to the old generation, all that follow, with every token and promise that was in them, survive until the
 * next full collection: under a flood of tokens, that made each small collection a long one.
 */
export class RunningChecks {
  readonly #slots = new Array<Entry | null>(SLOTS).fill(null);

  find(digest: string): Promise<AuthVerdict> | null {
    let entry = this.#slots[slotOf(digest)] ?? null;
    while (entry !== null && entry.digest !== digest) entry = entry.next;
    return entry === null ? null : entry.verdict;
  }

  /** @param digest One that `find` does not find. */
  add(digest: string, verdict: Promise<AuthVerdict>): void {
    const slot = slotOf(digest);
    this.#slots[slot] = { digest, verdict, next: this.#slots[slot] ?? null };
  }

  remove(digest: string): void {
    const slot = slotOf(digest);
    let before: Entry | null = null;
    let entry = this.#slots[slot] ?? null;
    while (entry !== null && entry.digest !== digest) [before, entry] = [entry, entry.next];
    if (entry === null) return;
    if (before === null) this.#slots[slot] = entry.next;
    else before.next = entry.next;
  }
}
