import type { Member } from './fleet.ts';

/** One phase of a publication: over when everyone who is still alive has agreed, one refuses, or time is up. */
export class Vote {
  readonly yes = new Set<Member>();
  /** Resolves at the end; `why` tells how it went. */
  readonly over: Promise<void>;
  /** Why it failed; null = everyone agreed. */
  why: string | null = null;
  readonly #voters: Set<Member>;
  readonly #timer: NodeJS.Timeout;
  #end: () => void = () => {};

  /** @param what The act, for the message when time is up. @param patience Milliseconds. */
  constructor(what: string, voters: readonly Member[], patience: number) {
    this.#voters = new Set(voters);
    this.over = new Promise((resolve) => {
      this.#end = resolve;
    });
    this.#timer = setTimeout(() => this.refuse(this.#missing(what, patience)), patience);
    this.#count();
  }

  agree(member: Member): void {
    this.yes.add(member);
    this.#count();
  }

  refuse(why: string): void {
    this.why ??= why;
    this.#finish();
  }

  /** A dead worker counts out: its heir is told of what is committed. */
  leave(member: Member): void {
    this.#voters.delete(member);
    this.yes.delete(member);
    this.#count();
  }

  #count(): void {
    for (const voter of this.#voters) if (!this.yes.has(voter)) return;
    this.#finish();
  }

  #finish(): void {
    clearTimeout(this.#timer);
    this.#end();
  }

  #missing(what: string, patience: number): string {
    const missing = [...this.#voters].filter((voter) => !this.yes.has(voter)).map(({ slot }) => slot);
    return `worker ${missing.join(', ')} did not ${what} it within ${patience} ms`;
  }
}
