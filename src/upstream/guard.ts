import type { Guard as GuardContract, Pass as PassContract } from '../contracts/attempts.ts';
import { FAULTS, fault, type Fault } from '../contracts/fault.ts';
import type { Target } from '../contracts/transport.ts';
import { type Breaker, PASSES, REFUSED } from './breaker.ts';
import type { AdaptiveLimit } from './concurrency.ts';

/** The breakers of one upstream: its own, and one per target. */
export interface Breakers {
  readonly whole: Breaker;
  of(target: Target): Breaker;
}

/** Stands between the tries of a request and an upstream that is failing or full. */
export class Guard implements GuardContract {
  readonly #breakers: Breakers | null;
  readonly #limit: AdaptiveLimit | null;

  constructor(breakers: Breakers | null, limit: AdaptiveLimit | null) {
    this.#breakers = breakers;
    this.#limit = limit;
  }

  enter(rank: number): PassContract | Fault {
    const whole = this.#breakers?.whole ?? null;
    const ticket = whole === null ? PASSES : whole.enter();
    if (ticket === REFUSED) return breakerOpen(whole!);
    if (this.#limit !== null && !this.#limit.enter(rank)) {
      whole?.giveBack(ticket);
      return fault('upstream_busy');
    }
    return new Pass(this.#breakers, ticket, this.#limit);
  }
}

/** Says when the breaker lets a probe through. */
export function breakerOpen(breaker: Breaker): Fault {
  const seconds = Math.max(1, Math.ceil(breaker.waitMs / 1000));
  return { ...fault('breaker_open'), headers: ['retry-after', String(seconds)] };
}

/** Whether the fault tells something about the upstream. */
const counts = (cause: Fault): boolean => FAULTS[cause.code].side === 'upstream';

/** One attempt that was let in. */
class Pass implements PassContract {
  readonly #breakers: Breakers | null;
  readonly #limit: AdaptiveLimit | null;
  readonly #ticket: number;
  #target: Breaker | null = null;
  #targetTicket = PASSES;

  constructor(breakers: Breakers | null, ticket: number, limit: AdaptiveLimit | null) {
    this.#breakers = breakers;
    this.#ticket = ticket;
    this.#limit = limit;
  }

  to(target: Target): boolean {
    if (this.#breakers === null) return true;
    const breaker = this.#breakers.of(target);
    const ticket = breaker.enter();
    if (ticket === REFUSED) return false;
    this.#target = breaker;
    this.#targetTicket = ticket;
    return true;
  }

  answered(status: number, ms: number): void {
    this.#limit?.answered(ms, performance.now());
    this.#done(status >= 500, ms);
  }

  failed(cause: Fault, ms: number): void {
    if (!counts(cause)) return this.left();
    if (FAULTS[cause.code].status === 504) this.#limit?.timedOut(performance.now());
    else this.#limit?.leave();
    this.#done(true, ms);
  }

  broke(cause: Fault): void {
    if (!counts(cause)) return;
    this.#breakers?.whole.spoilt();
    this.#target?.spoilt();
  }

  left(): void {
    this.#limit?.leave();
    this.#breakers?.whole.giveBack(this.#ticket);
    this.#target?.giveBack(this.#targetTicket);
  }

  #done(failed: boolean, ms: number): void {
    this.#breakers?.whole.done(this.#ticket, failed, ms);
    this.#target?.done(this.#targetTicket, failed, ms);
  }
}
