import { performance } from 'node:perf_hooks';
import { fault } from '../../contracts/fault.ts';
import type { Fault } from '../../contracts/fault.ts';
import type { RequestHead } from '../../contracts/http.ts';
import type { Sink, Timeouts, Transport } from '../../contracts/transport.ts';
import { CROWD } from '../../lib/turn.ts';
import { Call, mayShare } from './call.ts';
import { H1Conn } from './conn.ts';
import { makeDialer } from './dial.ts';
import type { Dialer, TlsOptions } from './dial.ts';
import type { Owner } from './owner.ts';
import { WaitQueue } from './queue.ts';
import { requestHead } from './write.ts';

const MAX_WAITING = 1024;
/** How long an upstream that left pipelined requests unanswered gets none, in ms. */
const WARY_MS = 60_000;

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
  /** Requests that may wait for their replies on one connection; 1, the default = no pipelining. */
  readonly pipelining?: number | undefined;
}

/** Figures of a pool at one moment. */
export interface PoolStats {
  readonly idle: number;
  /** Carrying a request, or being opened. */
  readonly busy: number;
  /** Requests without a connection. */
  readonly waiting: number;
}

/** Keep-alive HTTP/1.1 connections to one target, with one request at a time on each unless they are pipelined. */
export class H1Pool implements Transport, Owner {
  readonly id: string;
  readonly #dialer: Dialer;
  readonly #max: number;
  readonly #idleMs: number;
  readonly #pipelining: number;
  readonly #all = new Set<H1Conn>();
  /** A stack: the one used last is the least likely to be stale, and the rest may expire. */
  readonly #idle: H1Conn[] = [];
  readonly #queue = new WaitQueue(MAX_WAITING);
  readonly #refused = new Set<Sink>();
  /** The connection that collects what comes in this turn of the loop. */
  #open: H1Conn | null = null;
  /** No pipelining before this moment. */
  #waryUntil = 0;
  #closed = false;

  /** Throws when a PEM text of `tls` is not usable. */
  constructor(options: H1PoolOptions) {
    this.id = options.id;
    this.#dialer = makeDialer(options, options.tls);
    this.#max = options.max;
    this.#idleMs = options.idleMs;
    this.#pipelining = options.pipelining ?? 1;
  }

  open(head: RequestHead, timeouts: Timeouts, replyBy: number, sink: Sink): void {
    // Before anything else: what cannot be sent must not cost a connection.
    const text = requestHead(head);
    if (text === '') return this.#refuse(sink, fault('bad_request', 'a header value is not text'));
    const call = new Call(head, text, timeouts, replyBy, sink);
    if (this.#shares(head)) this.#share(call);
    else this.#place(call);
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

  get crowded(): boolean {
    return this.#all.size - this.#idle.length > CROWD;
  }

  stats(): PoolStats {
    const idle = this.#idle.length;
    return { idle, busy: this.#all.size - idle, waiting: this.#queue.length };
  }

  freed(conn: H1Conn): void {
    const waiter = this.#queue.take();
    if (waiter !== undefined) this.#serve(conn, waiter.call);
    else if (this.#closed) conn.close();
    else {
      this.#idle.push(conn);
      conn.rest(this.#idleMs);
    }
  }

  lost(conn: H1Conn): void {
    this.#all.delete(conn);
    if (this.#open === conn) this.#open = null;
    const index = this.#idle.lastIndexOf(conn);
    if (index >= 0) this.#idle.splice(index, 1);
    const waiter = this.#queue.take();
    if (waiter !== undefined) this.#dial(waiter.call, waiter.connectMs);
  }

  unanswered(calls: readonly Call[], cut: boolean): void {
    if (cut) this.#waryUntil = performance.now() + WARY_MS;
    for (const call of calls) if (call.sink !== null) this.#place(call, true);
  }

  #shares(head: RequestHead): boolean {
    if (this.#pipelining === 1 || !mayShare(head)) return false;
    return this.#waryUntil === 0 || performance.now() > this.#waryUntil;
  }

  /** Gives a connection the request that waited longest, and as many behind it as may share it. */
  #serve(conn: H1Conn, call: Call): void {
    const shared = this.#shares(call.head);
    conn.start(call, shared);
    if (!shared) return;
    for (let next = this.#queue.first; next !== undefined; next = this.#queue.first) {
      if (!mayShare(next.head) || !conn.join(next, this.#pipelining)) return;
      this.#queue.take();
    }
  }

  /** Requests of one turn of the loop share a connection; later ones only where there is no other. */
  #share(call: Call): void {
    if (this.#open?.collects && this.#open.join(call, this.#pipelining)) return;
    const conn = this.#idle.pop();
    if (conn !== undefined) {
      this.#open = conn;
      return conn.start(call, true);
    }
    if (this.#all.size >= this.#max && this.#queue.length === 0)
      for (const each of this.#all) if (each.join(call, this.#pipelining)) return;
    this.#place(call);
  }

  /** @param again It was taken on before the pool was closed. */
  #place(call: Call, again = false): void {
    const conn = this.#idle.pop();
    if (conn !== undefined) conn.start(call, false);
    else if (this.#closed && !again) this.#refuse(call.sink!, fault('no_target'));
    else if (this.#all.size < this.#max) this.#dial(call, call.timeouts.connect);
    else if (!this.#queue.add(call)) this.#refuse(call.sink!, fault('pool_full'));
  }

  #dial(call: Call, connectMs: number): void {
    this.#all.add(new H1Conn(this, this.#dialer, call, connectMs));
  }

  /** Refuses after `open` has returned, as its contract says. */
  #refuse(sink: Sink, why: Fault): void {
    this.#refused.add(sink);
    setImmediate(() => {
      if (this.#refused.delete(sink)) sink.onFault(why, true);
    });
  }
}
