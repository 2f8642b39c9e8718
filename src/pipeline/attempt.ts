import { performance } from 'node:perf_hooks';
import type { Pass } from '../contracts/attempts.ts';
import type { Attempt as AttemptContract } from '../contracts/exchange.ts';
import type { Fault } from '../contracts/fault.ts';
import type { ReplyHead, RequestHead } from '../contracts/http.ts';
import type { Upstream } from '../contracts/runtime.ts';
import type { BodySink, Sink, Stream, Target, Timeouts } from '../contracts/transport.ts';
import type { Exchange } from './exchange.ts';
import { deliver, report } from './reply.ts';
import { requestHead } from './request-head.ts';
import { endTogether } from './together.ts';

/** Who decides what becomes of an attempt: whether there is another one, and which reply the client gets. */
export interface Owner {
  /** The reply head is there. False = it is not for the client: `dropped` follows once the attempt has ended. */
  replied(attempt: Attempt, head: ReplyHead): boolean;
  dropped(attempt: Attempt): void;
  /** The attempt failed; see `Sink.onFault`. */
  failed(attempt: Attempt, cause: Fault, unsent: boolean): void;
}

/** Begins the next attempt of an exchange: the one whose target the log names, until another begins. */
export function openAttempt(
  x: Exchange,
  upstream: Upstream,
  target: Target,
  timeouts: Timeouts,
  owner: Owner,
  pass: Pass | null,
): Attempt {
  const number = ++x.attempts;
  const head = requestHead(x, upstream, target);
  const next = new Attempt(x, number, upstream, target, head, owner, pass);
  x.attempt = next;
  x.target = target.id;
  const hooks = x.route.attempt;
  for (let i = 0; i < hooks.length; i++) hooks[i]!(next);
  const own = upstream.attempt;
  for (let i = 0; i < own.length; i++) own[i]!(next);
  if (number === 1 && timeouts.request > 0) x.replyBy = next.startedAt + timeouts.request;
  target.transport.open(head, timeouts, x.replyBy, next);
  return next;
}

/** One try at one target: carries the request body up and the reply down, each at the pace of its reader. */
export class Attempt implements AttemptContract, Sink, BodySink {
  readonly exchange: Exchange;
  readonly number: number;
  readonly upstream: Upstream;
  readonly target: Target;
  readonly head: RequestHead;
  readonly startedAt: number;
  endedAt = 0;
  status = 0;
  fault: Fault | null = null;
  reused = false;
  /** A piece of the client's body went into this attempt: without a copy it cannot be repeated. */
  bodyStarted = false;
  #stream: Stream | null = null;
  #paused = false;
  /** The edge has had a piece of the reply. */
  #sent = false;
  /** The reply is not for the client. */
  #dropping = false;
  readonly #owner: Owner;
  readonly #pass: Pass | null;

  constructor(
    x: Exchange,
    number: number,
    upstream: Upstream,
    target: Target,
    head: RequestHead,
    owner: Owner,
    pass: Pass | null,
  ) {
    this.exchange = x;
    this.number = number;
    this.startedAt = number === 1 ? x.walkedAt : performance.now();
    this.upstream = upstream;
    this.target = target;
    this.head = head;
    this.#owner = owner;
    this.#pass = pass;
  }

  onOpen(stream: Stream, reused: boolean): void {
    this.#stream = stream;
    this.reused = reused;
    const { body } = this.exchange;
    if (body === null) return;
    this.bodyStarted = true;
    body.pipe(this);
  }

  onBody(chunk: Uint8Array, last: boolean): boolean {
    return this.#stream === null || this.#stream.write(chunk, last);
  }

  onDrain(): void {
    this.exchange.body?.resume();
  }

  onHead(head: ReplyHead): void {
    this.status = head.status;
    this.#pass?.answered(head.status, performance.now() - this.startedAt);
    const { replied } = this.upstream;
    for (let i = 0; i < replied.length; i++) replied[i]!(this, head);
    if (!this.#owner.replied(this, head)) this.#dropping = true;
    else if (!deliver(this.exchange, head)) this.stop();
  }

  onData(chunk: Uint8Array, last: boolean): void {
    if (this.endedAt !== 0) return;
    if (last) this.#settle();
    if (this.#dropping) return this.#drop();
    const x = this.exchange;
    if (last && !this.#sent && endTogether(x, chunk)) return;
    this.#sent = true;
    x.endsAt = this.endedAt;
    const flowing = x.down.write(chunk, last);
    x.endsAt = 0;
    if (flowing || last || this.endedAt !== 0) return;
    this.#paused = true;
    this.#stream!.pause();
  }

  onFault(cause: Fault, unsent: boolean): void {
    if (this.endedAt !== 0) return;
    this.fault = cause;
    if (this.#pass !== null) this.#report(this.#pass, cause, unsent);
    this.#settle();
    this.#owner.failed(this, cause, unsent);
  }

  /** The client takes more bytes again. */
  resume(): void {
    if (!this.#paused || this.endedAt !== 0) return;
    this.#paused = false;
    this.#stream!.resume();
  }

  /** Ends the attempt, if it still runs, without judging the target: the client left, or another answer was given. */
  stop(): void {
    if (this.endedAt !== 0) return;
    if (this.status === 0) this.#pass?.left();
    this.#settle();
    if (this.#stream === null) this.target.transport.cancel(this);
    else this.#stream.abort();
  }

  /** A reply that came whole leaves its connection fit for the next request; more of it is not waited for. */
  #drop(): void {
    this.stop();
    this.#owner.dropped(this);
  }

  #report(pass: Pass, cause: Fault, unsent: boolean): void {
    if (this.status !== 0) pass.broke(cause);
    // A pooled connection that had gone stale tells nothing about its target.
    else if (unsent && this.reused) pass.left();
    else pass.failed(cause, performance.now() - this.startedAt);
  }

  #settle(): void {
    const x = this.exchange;
    this.endedAt = performance.now();
    x.upstreamMs += this.endedAt - this.startedAt;
    this.#tell(x.route.settled);
    this.#tell(this.upstream.settled);
  }

  /** A hook that throws must not keep the others from hearing. */
  #tell(hooks: Upstream['settled']): void {
    for (let i = 0; i < hooks.length; i++) {
      try {
        hooks[i]!(this);
      } catch (error) {
        report.error(error, this.exchange);
      }
    }
  }
}
