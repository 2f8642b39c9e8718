import { performance } from 'node:perf_hooks';
import type { AttemptRules, Pass } from '../contracts/attempts.ts';
import { fault, type Fault } from '../contracts/fault.ts';
import type { ReplyHead } from '../contracts/http.ts';
import type { Upstream } from '../contracts/runtime.ts';
import type { Target, Timeouts } from '../contracts/transport.ts';
import { Timer, Wheel } from '../lib/wheel.ts';
import { type Attempt, openAttempt, type Owner } from './attempt.ts';
import { choose } from './choose.ts';
import type { Exchange } from './exchange.ts';
import { Ladder } from './fallback.ts';
import { Replay } from './replay.ts';
import { isListed, isStale, mayDouble, mayRepeat } from './repeatable.ts';
import { fail } from './reply.ts';

/** Waits here are shorter than the ticks of the wheel that time-outs share. */
const TICK_MS = 5;
const wheel = new Wheel(TICK_MS);

/** A back-off is at most this many times the first one. */
const MOST_BACKOFF = 10;

/**
 * The tries of one exchange at an upstream that has rules about failures: retries one after the other, a hedge beside
 * the first, and the fallback ladder when they are used up.
 */
export class Tries implements Owner {
  readonly #x: Exchange;
  #upstream: Upstream;
  #rules: AttemptRules;
  #timeouts: Timeouts;
  readonly #ladder: Ladder;
  /** The request body, kept so that it can be sent again; null = there is none. */
  readonly #replay: Replay | null;
  #tried: Target[] = [];
  /** Tries at this upstream, hedges not counted. */
  #count = 0;
  /** A try met a stale connection and was repeated for that. */
  #renewed = false;
  #main: Attempt | null = null;
  /** Runs beside `#main`. */
  #hedge: Attempt | null = null;
  /** Why the last try failed; null = it did not, or by its status. */
  #cause: Fault | null = null;
  readonly #timer = new Timer(this);

  constructor(x: Exchange, upstream: Upstream, rules: AttemptRules) {
    this.#x = x;
    this.#upstream = upstream;
    this.#rules = rules;
    this.#timeouts = x.route.timeouts;
    this.#ladder = new Ladder(x, rules.fallback);
    this.#replay = x.body === null ? null : new Replay(x.body, rules.retry.bufferBytes);
    if (this.#replay !== null) x.body = this.#replay;
  }

  begin(): void {
    const { retry, hedge } = this.#rules;
    const now = performance.now();
    retry.budget.note(now);
    hedge?.budget.note(now);
    this.#launch(null);
  }

  /** The exchange is over: nothing is tried any more. */
  end(): void {
    wheel.cancel(this.#timer);
    this.#main?.stop();
    this.#hedge?.stop();
  }

  /** A back-off is over, or it is time for a hedge. */
  onTimer(): void {
    if (this.#x.started || this.#x.finished) return;
    if (this.#main === null) this.#launch(null);
    else this.#launchHedge();
  }

  replied(attempt: Attempt, head: ReplyHead): boolean {
    const { retry, hedge } = this.#rules;
    hedge?.learn(performance.now() - attempt.startedAt);
    const other = attempt === this.#main ? this.#hedge : this.#main;
    if (retry.statuses.has(head.status)) {
      if (other !== null) return false;
      if (this.#mayRetry(false) || this.#ladder.has(this.#isSafe(false))) return false;
    }
    wheel.cancel(this.#timer);
    other?.stop();
    this.#main = this.#x.attempt = attempt;
    this.#hedge = null;
    this.#x.target = attempt.target.id;
    this.#replay?.forget();
    this.#ladder.mark(head);
    return true;
  }

  dropped(attempt: Attempt): void {
    if (!this.#isLast(attempt)) return;
    this.#cause = null;
    if (!this.#retry(false)) this.#fall(this.#isSafe(false), attempt.status);
  }

  failed(attempt: Attempt, cause: Fault, unsent: boolean): void {
    const x = this.#x;
    if (x.finished) return;
    if (x.started) return fail(x, cause);
    if (!this.#isLast(attempt)) return;
    this.#cause = cause;
    if (!this.#renewed && isStale(attempt, unsent) && this.#isRepeatable()) {
      this.#renewed = true;
      this.#count--;
      return this.#launch(attempt.target);
    }
    // Over a reused connection the upstream may have seen what it never answered.
    const unseen = unsent && !attempt.reused;
    if (!isListed(cause.code, this.#rules.retry)) fail(x, cause);
    else if (!this.#retry(unseen)) this.#fall(this.#isSafe(unseen), 0);
  }

  /** Takes a failed attempt out. True = no other runs, so that something has to be done. */
  #isLast(attempt: Attempt): boolean {
    if (attempt === this.#main) this.#main = this.#hedge;
    this.#hedge = null;
    if (this.#main !== null) return false;
    wheel.cancel(this.#timer);
    this.#replay?.detach();
    return true;
  }

  /** Begins the next try. @param again Where, if that target is to be asked once more. */
  #launch(again: Target | null): void {
    const pass = this.#rules.guard?.enter(this.#x.route.rank) ?? null;
    if (pass !== null && 'code' in pass) return this.#refused(pass);
    const same = again !== null && (pass === null || pass.to(again));
    const target = same ? again : choose(this.#x, this.#upstream, this.#tried, pass, true);
    if (typeof target === 'string') {
      pass?.left();
      return this.#refused(fault(target));
    }
    this.#count++;
    this.#main = this.#open(target, pass);
    if (this.#count === 1) this.#awaitHedge();
  }

  #awaitHedge(): void {
    const after = this.#rules.hedge?.afterMs ?? Infinity;
    if (after < Infinity && mayDouble(this.#x)) wheel.arm(this.#timer, after, performance.now());
  }

  #launchHedge(): void {
    const { hedge, guard, retry } = this.#rules;
    const now = performance.now();
    if (hedge === null || this.#hedge !== null || !hedge.budget.has(now) || !retry.budget.has(now)) return;
    const pass = guard?.enter(this.#x.route.rank) ?? null;
    if (pass !== null && 'code' in pass) return;
    const target = choose(this.#x, this.#upstream, this.#tried, pass, false);
    if (typeof target === 'string') return pass?.left();
    hedge.budget.take(now);
    retry.budget.take(now);
    this.#hedge = this.#open(target, pass);
  }

  #open(target: Target, pass: Pass | null): Attempt {
    this.#tried.push(target);
    return openAttempt(this.#x, this.#upstream, target, this.#timeouts, this, pass);
  }

  /** Nothing may be sent to this upstream now. A try that failed before says more about why than that. */
  #refused(why: Fault): void {
    this.#cause ??= why;
    this.#fall(this.#isRepeatable(), 0);
  }

  /** Whether the body, if there is one, can be sent from its beginning. */
  #isRepeatable(): boolean {
    return this.#replay === null || this.#replay.repeatable;
  }

  /** Whether nobody could take the request for two. @param unseen The last try has certainly not reached the upstream. */
  #isSafe(unseen: boolean): boolean {
    return (unseen || mayRepeat(this.#x, this.#rules.retry)) && this.#isRepeatable();
  }

  #mayRetry(unseen: boolean): boolean {
    const { attempts, budget } = this.#rules.retry;
    if (this.#count >= attempts || !this.#isSafe(unseen)) return false;
    return this.#x.hasTime() && budget.has(performance.now());
  }

  /** Tries again, now or after a back-off; false = it may not. */
  #retry(unseen: boolean): boolean {
    if (!this.#mayRetry(unseen)) return false;
    const now = performance.now();
    const { backoff, budget } = this.#rules.retry;
    budget.take(now);
    const wait = Math.random() * backoff * Math.min(2 ** (this.#count - 1), MOST_BACKOFF);
    const { replyBy } = this.#x;
    if (wait < TICK_MS || (replyBy > 0 && now + wait >= replyBy)) this.#launch(null);
    else wheel.arm(this.#timer, wait, now);
    return true;
  }

  /** The tries at this upstream are used up. @param status Of the reply that was one failure too many; 0 = there is a cause. */
  #fall(safe: boolean, status: number): void {
    const cause = this.#cause;
    const rung = this.#ladder.next(safe, cause, status);
    if (rung === null) return fail(this.#x, cause ?? fault('no_target'));
    if (rung.upstream === null) return;
    this.#upstream = rung.upstream;
    this.#rules = rung.upstream.rules ?? rung.rules;
    this.#timeouts = rung.timeouts;
    this.#tried = [];
    this.#count = 0;
    this.#renewed = false;
    this.#cause = null;
    this.begin();
  }
}
