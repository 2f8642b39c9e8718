import type { IncomingMessage, ServerResponse } from 'node:http';
import { fault } from '../contracts/fault.ts';
import type { ReplyHead } from '../contracts/http.ts';
import { EMPTY, type BodySink, type Downstream, type Source } from '../contracts/transport.ts';
import { decodeBlock } from '../lib/reply-head.ts';
import { Timer, wheel } from '../lib/wheel.ts';
import { isBodiless } from '../lib/status.ts';
import type { Exchange } from '../pipeline/exchange.ts';
import { finish } from '../pipeline/reply.ts';
import { bodyFault, clientGone, drained } from '../pipeline/run.ts';
import { Lingering } from './lingering.ts';

/** One request's side of node:http. */
export class NodeIo implements Source, Downstream {
  x!: Exchange;
  length = 0;
  /** Its reply tells the client that it is the last one. */
  last = false;
  readonly #req: IncomingMessage;
  readonly #res: ServerResponse;
  readonly #context: { readonly draining: boolean };
  #head: ReplyHead | null = null;
  #sink: BodySink | null = null;
  #timer: Timer | null = null;
  #rest: Lingering | null = null;
  /** Ends the connection whose last reply is out. */
  #close: (() => void) | null = null;

  constructor(req: IncomingMessage, res: ServerResponse, context: { readonly draining: boolean }) {
    this.#req = req;
    this.#res = res;
    this.#context = context;
    res.on('drain', () => drained(this.x));
    res.on('finish', () => finish(this.x));
    res.on('close', () => clientGone(this.x));
  }

  // --- the request body -----------------------------------------------------------------------------

  expectBody(length: number): void {
    this.length = length;
    this.#timer = new Timer(this);
    this.#arm();
    // Without a listener a broken body would end the process.
    this.#req.on('error', () => undefined);
    this.#req.on('data', (chunk: Buffer) => this.#data(chunk));
    this.#req.on('end', () => this.#end());
    this.#req.pause();
  }

  pipe(to: BodySink): void {
    this.#sink = to;
    this.resume();
  }

  resume(): void {
    this.#arm();
    this.#req.resume();
  }

  discard(): void {
    this.#sink = null;
    if (this.#timer !== null) wheel.cancel(this.#timer);
    const { socket } = this.#req;
    if (!this.#req.complete && !socket.destroyed)
      this.#rest ??= new Lingering(
        { close: () => void socket.destroy() },
        this.x.runtime.config.limits.bodyTimeout,
      );
    this.#req.resume();
  }

  onTimer(): void {
    bodyFault(this.x, fault('body_timeout'));
  }

  /** The request has come to its end: what follows is another. */
  get whole(): boolean {
    return this.#req.complete;
  }

  /** What the client sends from here on is not HTTP. */
  broken(): void {
    if (this.x.started || this.#req.complete) this.cut();
    else bodyFault(this.x, fault('bad_request', 'the request body is not valid HTTP'));
  }

  #data(chunk: Buffer): void {
    const { x } = this;
    x.bytesIn += chunk.length;
    if (this.#sink === null) return this.#rest?.heard();
    if (x.bytesIn > x.route.bodyBytes) {
      // What follows must not cut the answer.
      this.#sink = null;
      return bodyFault(x, fault('body_too_large'));
    }
    this.#arm();
    if (this.#sink.onBody(chunk, false)) return;
    this.#req.pause();
    wheel.cancel(this.#timer!);
  }

  #end(): void {
    if (this.#timer !== null) wheel.cancel(this.#timer);
    this.#rest?.over();
    this.#close?.();
    this.#sink?.onBody(EMPTY, true);
  }

  #arm(): void {
    const { bodyTimeout } = this.x.runtime.config.limits;
    if (bodyTimeout > 0 && this.#timer !== null && !this.#req.readableEnded)
      wheel.arm(this.#timer, bodyTimeout, performance.now());
  }

  // --- the reply ------------------------------------------------------------------------------------

  start(head: ReplyHead): void {
    this.#head = head;
  }

  write(chunk: Uint8Array, last: boolean): boolean {
    const res = this.#res;
    if (res.destroyed) {
      if (last) finish(this.x);
      return true;
    }
    if (this.#head !== null) this.#writeHead(this.#head, chunk.length, last);
    if (isBodiless(this.x.method, res.statusCode)) {
      if (last) res.end();
      return true;
    }
    this.x.bytesOut += chunk.length;
    // The bytes are the caller's again when this returns.
    const copy = chunk.length === 0 ? EMPTY : Buffer.from(chunk);
    // Nothing, written, sends the head alone.
    if (!last) return res.write(copy);
    res.end(copy);
    return true;
  }

  cut(): void {
    this.#res.destroy();
  }

  /** By itself node:http would close at once, whatever is on its way: the rest of the body is waited for. */
  #last(): void {
    const { socket, complete } = this.#req;
    this.last = true;
    if (complete) return;
    const close = socket.destroySoon.bind(socket);
    socket.destroySoon = () => {
      if (this.#req.complete) return close();
      this.#close = close;
      socket.end();
    };
  }

  #writeHead(head: ReplyHead, firstBytes: number, last: boolean): void {
    this.#head = null;
    const { status } = head;
    const fields = decodeBlock(head.block());
    const whole = last && !isBodiless(this.x.method, status) ? firstBytes : head.length;
    if (whole >= 0 && status !== 204) fields.push('content-length', String(whole));
    if (this.#context.draining || this.x.closing || this.x.poisoned) {
      fields.push('connection', 'close');
      this.#last();
    }
    this.#res.writeHead(status, fields);
  }
}
