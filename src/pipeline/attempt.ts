import type { Attempt as AttemptContract } from '../contracts/exchange.ts';
import type { Fault } from '../contracts/fault.ts';
import type { ReplyHead, RequestHead } from '../contracts/http.ts';
import type { Upstream } from '../contracts/runtime.ts';
import type { BodySink, Sink, Stream, Target } from '../contracts/transport.ts';
import type { Exchange } from './exchange.ts';
import { deliver, report } from './reply.ts';

/** What happens when a try fails: `forward.ts` decides whether there is another one. */
export type OnFailure = (attempt: Attempt, cause: Fault, unsent: boolean) => void;

/** One try at one target: carries the request body up and the reply down, each at the pace of its reader. */
export class Attempt implements AttemptContract, Sink, BodySink {
  readonly exchange: Exchange;
  readonly number: number;
  readonly upstream: Upstream;
  readonly target: Target;
  readonly head: RequestHead;
  readonly startedAt = performance.now();
  endedAt = 0;
  status = 0;
  fault: Fault | null = null;
  reused = false;
  /** A piece of the client's body went into this attempt: it cannot be repeated. */
  bodyStarted = false;
  #stream: Stream | null = null;
  #paused = false;
  readonly #onFailure: OnFailure;

  constructor(
    x: Exchange,
    number: number,
    upstream: Upstream,
    target: Target,
    head: RequestHead,
    onFailure: OnFailure,
  ) {
    this.exchange = x;
    this.number = number;
    this.upstream = upstream;
    this.target = target;
    this.head = head;
    this.#onFailure = onFailure;
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
    const { replied } = this.upstream;
    for (let i = 0; i < replied.length; i++) replied[i]!(this, head);
    if (!deliver(this.exchange, head)) this.stop();
  }

  onData(chunk: Uint8Array, last: boolean): void {
    if (this.endedAt !== 0) return;
    if (last) this.#settle();
    const flowing = this.exchange.down.write(chunk, last);
    if (flowing || last || this.endedAt !== 0) return;
    this.#paused = true;
    this.#stream!.pause();
  }

  onFault(cause: Fault, unsent: boolean): void {
    if (this.endedAt !== 0) return;
    this.fault = cause;
    this.#settle();
    this.#onFailure(this, cause, unsent);
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
    this.#settle();
    if (this.#stream === null) this.target.transport.cancel(this);
    else this.#stream.abort();
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
