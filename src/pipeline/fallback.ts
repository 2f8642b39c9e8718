import type { Rung } from '../contracts/attempts.ts';
import { FAULTS, type Fault } from '../contracts/fault.ts';
import type { ReplyHead } from '../contracts/http.ts';
import type { Exchange } from './exchange.ts';
import { answer } from './reply.ts';

/** The fallback ladder of one exchange: climbed rung by rung, never down again. */
export class Ladder {
  readonly #x: Exchange;
  readonly #rungs: readonly Rung[];
  #at = 0;
  /** Why the first rung was taken, as `Proxy-Status` says it (RFC 9209); empty = none was. */
  #why = '';
  #cause: Fault | null = null;

  constructor(x: Exchange, rungs: readonly Rung[]) {
    this.#x = x;
    this.#rungs = rungs;
  }

  /** Whether there is a rung to go to. @param safe Whether another upstream may be sent the request. */
  has(safe: boolean): boolean {
    return this.#find(safe) < this.#rungs.length;
  }

  /**
   * Takes the next rung. One that is a reply is given to the client at once.
   * @param status Of the reply that is not good enough; 0 = `cause` says what happened.
   * @returns null when there is none.
   */
  next(safe: boolean, cause: Fault | null, status: number): Rung | null {
    const at = this.#find(safe);
    const rung = this.#rungs[at];
    if (rung === undefined) return null;
    this.#at = at + 1;
    if (this.#why === '') {
      this.#cause = cause;
      this.#why = proxyStatus(cause, status);
    }
    if (rung.reply !== null) this.#answer(rung.reply);
    return rung;
  }

  /** Says in the reply of a fallback upstream what it is, and in the log why. */
  mark(head: ReplyHead): void {
    if (this.#why === '') return;
    head.add('proxy-status', this.#why);
    this.#x.fault ??= this.#cause;
  }

  #find(safe: boolean): number {
    const usable = safe && this.#x.hasTime();
    let at = this.#at;
    while (at < this.#rungs.length && this.#rungs[at]!.reply === null && !usable) at++;
    return at;
  }

  #answer(reply: NonNullable<Rung['reply']>): void {
    this.#x.fault ??= this.#cause;
    const { status, headers, body } = reply;
    answer(this.#x, { status, headers: [...headers, 'proxy-status', this.#why], body });
  }
}

function proxyStatus(cause: Fault | null, status: number): string {
  const error = cause === null ? null : FAULTS[cause.code].proxy;
  const what = error !== null ? `; error=${error}` : status > 0 ? `; received-status=${status}` : '';
  return `sluice${what}; details="fallback"`;
}
