import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type TlsOptions } from 'node:tls';
import type { Fault } from '../../../src/contracts/fault.ts';
import type { ReplyHead, RequestHead } from '../../../src/contracts/http.ts';
import type { Sink, Stream, Timeouts } from '../../../src/contracts/transport.ts';
import { H1Pool, type H1PoolOptions } from '../../../src/upstream/h1/pool.ts';
import { blockText } from '../../support/block.ts';
import { atEnd } from '../../support/cleanup.ts';

export const NO_LIMITS: Timeouts = { connect: 0, firstByte: 0, request: 0, idle: 0 };

/** What an attempt came to. */
export interface Outcome {
  readonly status: number;
  readonly length: number;
  /** The end-to-end fields as they would go to the client. */
  readonly block: string;
  readonly body: string;
  readonly fault: Fault['code'] | null;
  readonly unsent: boolean;
}

/** A sink that records an attempt, and checks that the transport keeps to its contract while it does. */
export class Recorder implements Sink {
  stream: Stream | null = null;
  reused = false;
  head: ReplyHead | null = null;
  block = '';
  body: Buffer[] = [];
  bytes = 0;
  /** Sizes of the pieces of body, in the order of their coming. */
  pieces: number[] = [];
  drains = 0;
  fault: Fault | null = null;
  readonly ended: Promise<Outcome>;
  readonly opened: Promise<Stream>;
  /** The test has aborted from within `onHead`. */
  aborted = false;
  private owesData = false;
  private isOver = false;
  private settle!: (outcome: Outcome) => void;
  private open!: (stream: Stream) => void;
  private waits: (() => void)[] = [];
  /** What a test does at certain moments. */
  readonly on: { open?: (stream: Stream) => void; head?: () => void; data?: (chunk: Uint8Array) => void };

  constructor(on: Recorder['on'] = {}) {
    this.on = on;
    this.ended = new Promise((resolve) => (this.settle = resolve));
    this.opened = new Promise((resolve) => (this.open = resolve));
  }

  onOpen(stream: Stream, reused: boolean): void {
    this.alive();
    this.stream = stream;
    this.reused = reused;
    this.open(stream);
    this.on.open?.(stream);
    this.changed();
  }

  onHead(head: ReplyHead): void {
    this.alive();
    if (this.head !== null) throw new Error('a second head');
    this.head = head;
    this.block = blockText(head.block());
    this.owesData = true;
    queueMicrotask(() => {
      if (this.owesData && !this.isOver) throw new Error('a head without data');
    });
    if (this.on.head === undefined) return;
    // A test that aborts here gets nothing more.
    this.on.head();
    this.owesData = !this.aborted;
  }

  onData(chunk: Uint8Array, last: boolean): void {
    this.alive();
    if (this.head === null) throw new Error('data before the head');
    this.owesData = false;
    this.bytes += chunk.length;
    this.pieces.push(chunk.length);
    if (this.on.data === undefined) this.body.push(Buffer.from(chunk));
    else this.on.data(chunk);
    if (last) this.finish(false);
    this.changed();
  }

  onDrain(): void {
    this.alive();
    this.drains += 1;
    this.changed();
  }

  onFault(fault: Fault, unsent: boolean): void {
    this.alive();
    this.fault = fault;
    this.finish(unsent);
    this.changed();
  }

  get over(): boolean {
    return this.isOver;
  }

  /** Waits until `ready`, looked at after every call. */
  async until(ready: () => boolean): Promise<void> {
    while (!ready()) await new Promise<void>((resolve) => this.waits.push(resolve));
  }

  private alive(): void {
    if (this.isOver) throw new Error('a call after the end');
  }

  private changed(): void {
    for (const wake of this.waits.splice(0)) wake();
  }

  private finish(unsent: boolean): void {
    this.isOver = true;
    this.settle({
      status: this.head?.status ?? 0,
      length: this.head?.length ?? -1,
      block: this.block,
      body: Buffer.concat(this.body).toString('latin1'),
      fault: this.fault?.code ?? null,
      unsent,
    });
  }
}

export const request = (over: Partial<RequestHead> = {}): RequestHead => ({
  method: 'GET',
  target: '/',
  host: 'origin.test',
  lines: '',
  added: '',
  length: 0,
  explicitZero: false,
  ...over,
});

export function makePool(port: number, options: Partial<H1PoolOptions> = {}): H1Pool {
  const pool = new H1Pool({
    id: 'target',
    host: '127.0.0.1',
    port,
    tls: null,
    max: 64,
    idleMs: 60_000,
    ...options,
  });
  atEnd(() => pool.close());
  return pool;
}

/** Opens an attempt and gives its recorder. */
export function send(
  pool: H1Pool,
  over: Partial<RequestHead> = {},
  timeouts: Partial<Timeouts> = {},
  on: Recorder['on'] = {},
  replyBy = 0,
): Recorder {
  const recorder = new Recorder(on);
  pool.open(request(over), { ...NO_LIMITS, ...timeouts }, replyBy, recorder);
  return recorder;
}

/** A server made of bytes: what it does on each connection is up to the test. */
export interface RawOrigin {
  readonly port: number;
  /** Connections accepted so far. */
  readonly sockets: Socket[];
  /** Waits for connection number `n`, counted from 0. */
  accepted(n: number): Promise<Socket>;
}

export async function rawOrigin(handle: (socket: Socket) => void, tls?: TlsOptions): Promise<RawOrigin> {
  const sockets: Socket[] = [];
  const waits: (() => void)[] = [];
  const accept = (socket: Socket) => {
    sockets.push(socket);
    socket.on('error', () => {});
    handle(socket);
    for (const wake of waits.splice(0)) wake();
  };
  const server: Server = tls ? createTlsServer(tls, accept) : createServer({ noDelay: true }, accept);
  server.on('tlsClientError', () => {});
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  atEnd(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return {
    port: (server.address() as AddressInfo).port,
    sockets,
    async accepted(n) {
      while (sockets.length <= n) await new Promise<void>((resolve) => waits.push(resolve));
      return sockets[n]!;
    },
  };
}

/** An origin that answers every request head with the same bytes; `close`: and then closes. */
export function replying(reply: string | Buffer, close = false, tls?: TlsOptions): Promise<RawOrigin> {
  const bytes = typeof reply === 'string' ? Buffer.from(reply, 'latin1') : reply;
  return rawOrigin((socket) => {
    onRequest(socket, () => (close ? socket.end(bytes) : socket.write(bytes)));
  }, tls);
}

/** Calls back for every blank line that ends a request head (requests without body). */
export function onRequest(socket: Socket, handle: (head: string) => void): void {
  let seen = '';
  socket.on('data', (chunk: Buffer) => {
    seen += chunk.toString('latin1');
    for (let end = seen.indexOf('\r\n\r\n'); end >= 0; end = seen.indexOf('\r\n\r\n')) {
      const head = seen.slice(0, end + 4);
      seen = seen.slice(end + 4);
      handle(head);
    }
  });
}

/** Everything that comes over a socket, once it is over; `whole` is false when it was reset. */
export function everything(socket: Socket): Promise<string> {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  return new Promise((resolve) => {
    socket.on('close', () => resolve(Buffer.concat(chunks).toString('latin1')));
  });
}
