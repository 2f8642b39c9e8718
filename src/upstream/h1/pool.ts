import { fault } from '../../contracts/fault.ts';
import type { Fault } from '../../contracts/fault.ts';
import type { RequestHead } from '../../contracts/http.ts';
import type { Sink, Timeouts, Transport } from '../../contracts/transport.ts';
import { H1Conn } from './conn.ts';
import type { Owner } from './conn.ts';
import { makeDialer } from './dial.ts';
import type { Dialer, TlsOptions } from './dial.ts';
import { WaitQueue } from './queue.ts';
import { requestHead } from './write.ts';

const MAX_WAITING = 1024;

export interface H1PoolOptions {
  /** Label of the target. */
  readonly id: string;
  /** Name or address to connect to; an IPv6 address may stand in brackets. */
  readonly host: string;
  readonly port: number;
  /** Another address, tried when `host` cannot be reached. */
  readonly alternate?: string | undefined;
  /** Null = plain TCP. */
  readonly tls: TlsOptions | null;
  /** Connections at most. */
  readonly max: number;
  /** How long a connection may idle, in ms; 0 = until the upstream closes it. */
  readonly idleMs: number;
}

/** Figures of a pool at one moment. */
export interface PoolStats {
  readonly idle: number;
  /** Carrying a request, or being opened. */
  readonly busy: number;
  /** Requests without a connection. */
  readonly waiting: number;
}

/** Keep-alive HTTP/1.1 connections to one target; one request at a time on each. */
export class H1Pool implements Transport, Owner {
  readonly id: string;
  readonly #dialer: Dialer;
  readonly #max: number;
  readonly #idleMs: number;
  readonly #all = new Set<H1Conn>();
  /** A stack: the one used last is the least likely to be stale, and the rest may expire. */
  readonly #idle: H1Conn[] = [];
  readonly #queue = new WaitQueue(MAX_WAITING);
  readonly #refused = new Set<Sink>();
  #closed = false;

  /** Throws when a PEM text of `tls` is not usable. */
  constructor(options: H1PoolOptions) {
    this.id = options.id;
    this.#dialer = makeDialer(options, options.tls);
    this.#max = options.max;
    this.#idleMs = options.idleMs;
  }

  open(head: RequestHead, timeouts: Timeouts, replyBy: number, sink: Sink): void {
    // Before anything else: what cannot be sent must not cost a connection.
    const text = requestHead(head);
    if (text === '') return this.#refuse(sink, fault('bad_request', 'a header value is not text'));
    const conn = this.#idle.pop();
    if (conn !== undefined) conn.start(head, text, timeouts, replyBy, sink);
    else if (this.#closed) this.#refuse(sink, fault('no_target'));
    else if (this.#all.size < this.#max) this.#dial(head, text, timeouts, replyBy, sink, timeouts.connect);
    else if (!this.#queue.add(head, text, timeouts, replyBy, sink)) this.#refuse(sink, fault('pool_full'));
  }

  cancel(sink: Sink): void {
    if (this.#refused.delete(sink) || this.#queue.remove(sink)) return;
    // The connection goes on opening: somebody will want it.
    for (const conn of this.#all) if (conn.disown(sink)) return;
  }

  close(): void {
    this.#closed = true;
    for (const conn of [...this.#idle]) conn.close();
  }

  stats(): PoolStats {
    const idle = this.#idle.length;
    return { idle, busy: this.#all.size - idle, waiting: this.#queue.length };
  }

  freed(conn: H1Conn): void {
    const waiter = this.#queue.take();
    if (waiter !== undefined)
      conn.start(waiter.head, waiter.text, waiter.timeouts, waiter.replyBy, waiter.sink);
    else if (this.#closed) conn.close();
    else {
      this.#idle.push(conn);
      conn.rest(this.#idleMs);
    }
  }

  lost(conn: H1Conn): void {
    this.#all.delete(conn);
    const index = this.#idle.lastIndexOf(conn);
    if (index >= 0) this.#idle.splice(index, 1);
    const waiter = this.#queue.take();
    if (waiter !== undefined)
      this.#dial(waiter.head, waiter.text, waiter.timeouts, waiter.replyBy, waiter.sink, waiter.connectMs);
  }

  #dial(
    head: RequestHead,
    text: string,
    timeouts: Timeouts,
    replyBy: number,
    sink: Sink,
    connectMs: number,
  ): void {
    this.#all.add(new H1Conn(this, this.#dialer, head, text, timeouts, replyBy, sink, connectMs));
  }

  /** Refuses after `open` has returned, as its contract says. */
  #refuse(sink: Sink, why: Fault): void {
    this.#refused.add(sink);
    setImmediate(() => {
      if (this.#refused.delete(sink)) sink.onFault(why, true);
    });
  }
}
