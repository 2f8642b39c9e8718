import type { Facts } from '../contracts/facts.ts';

/** Clients that are remembered at once; beyond that nobody new is banned, and the rate still holds. */
const MOST = 10_000;

/** Who may not ask anything for a while. What one worker decides every worker learns, through the primary. */
export class Bans {
  readonly #facts: Facts;
  /** Until when, in milliseconds since 1970: the one clock that processes share. */
  readonly #until = new Map<string, number>();

  constructor(facts: Facts) {
    this.#facts = facts;
    facts.on('ban', (client, ban) => {
      if (ban === null) this.#until.delete(client);
      else this.#keep(client, ban.until);
    });
  }

  /** Milliseconds for which the client is still banned; 0 = it is not. */
  left(client: string): number {
    if (this.#until.size === 0) return 0;
    const until = this.#until.get(client);
    if (until === undefined) return 0;
    const left = until - Date.now();
    if (left > 0) return left;
    this.#until.delete(client);
    return 0;
  }

  add(client: string, ms: number): void {
    const until = Date.now() + ms;
    if (this.#keep(client, until)) this.#facts.tell('ban', client, { until });
  }

  #keep(client: string, until: number): boolean {
    if (this.#until.size >= MOST && !this.#until.has(client)) this.#sweep();
    if (this.#until.size >= MOST && !this.#until.has(client)) return false;
    this.#until.set(client, until);
    return true;
  }

  #sweep(): void {
    const now = Date.now();
    for (const [client, until] of this.#until) if (until <= now) this.#until.delete(client);
  }
}
