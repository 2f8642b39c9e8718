import type { Facts } from '../contracts/facts.ts';
import { IDLE_GRAIN, isOver } from '../contracts/session.ts';
import type { Session, Sessions } from '../contracts/session.ts';

/**
 * A worker's sessions: the primary tells of every one that is made, used or ended. A worker tells of a use when the
 * known one is too old, a tenth of the idle time, so that traffic costs no messages.
 */
export class SessionTable implements Sessions {
  readonly #facts: Facts;
  readonly #told = new WeakSet<Session>();

  constructor(facts: Facts) {
    this.#facts = facts;
  }

  find(hash: string, now: number): Session | undefined {
    const found = this.#facts.get('session', hash);
    if (found === undefined || isOver(found, now)) return undefined;
    if (found.idle > 0 && now - found.seen >= found.idle * IDLE_GRAIN && !this.#told.has(found)) {
      this.#told.add(found);
      this.#facts.tell('session-use', hash, { at: now });
    }
    return found;
  }
}
