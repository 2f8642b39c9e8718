import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { once } from 'node:events';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { atEnd } from './cleanup.ts';
import { PATIENCE } from './patience.ts';
import { parseReply, type WireReply } from './reply-parser.ts';

export interface RawOptions {
  /** Speak TLS to this name, trusting this authority (PEM). */
  readonly tls?: { readonly serverName: string; readonly ca: string };
  /** Address to connect from, e.g. 127.0.0.2. */
  readonly from?: string;
}

/** Connects to a port of 127.0.0.1; the connection is destroyed when the test ends. */
export async function connect(port: number, options: RawOptions = {}): Promise<RawClient> {
  const address = { port, host: '127.0.0.1', ...(options.from && { localAddress: options.from }) };
  const socket = options.tls
    ? connectTls({ ...address, servername: options.tls.serverName, ca: options.tls.ca })
    : connectTcp(address);
  const client = new RawClient(socket);
  atEnd(() => client.destroy());
  await once(socket, options.tls ? 'secureConnect' : 'connect');
  return client;
}

/** A client that sends exactly the bytes it is told to, and sees exactly those that come back. */
export class RawClient {
  readonly socket: Socket;
  /** What was received and not yet taken. */
  received: Buffer = Buffer.alloc(0);
  /** No more bytes will come: the peer ended or reset the connection. */
  closed = false;
  private wake = () => {};

  constructor(socket: Socket) {
    this.socket = socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => {
      this.received = Buffer.concat([this.received, chunk]);
      this.wake();
    });
    const end = () => {
      this.closed = true;
      this.wake();
    };
    socket.on('end', end).on('error', end).on('close', end);
  }

  /** Sends each part in a segment of its own, as far as the kernel allows. */
  async send(...parts: (string | Uint8Array)[]): Promise<void> {
    for (const part of parts) {
      await new Promise<void>((resolve) => {
        this.socket.write(typeof part === 'string' ? Buffer.from(part, 'latin1') : part, () => resolve());
      });
      await nextTurn();
    }
  }

  /** Sends the same bytes cut at every place of `cuts` (byte offsets). */
  sendCut(bytes: string | Uint8Array, ...cuts: number[]): Promise<void> {
    const whole = typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes;
    const edges = [0, ...cuts, whole.length];
    return this.send(...cuts.concat(whole.length).map((end, at) => whole.subarray(edges[at], end)));
  }

  /** Waits until `ready` gives something other than null; rejects after `ms` or when the peer closes before. */
  async until<T>(ready: () => T | null, ms = PATIENCE): Promise<T> {
    const deadline = Date.now() + ms;
    for (;;) {
      const result = ready();
      if (result !== null) return result;
      const left = deadline - Date.now();
      if (this.closed || left <= 0)
        throw new Error(`${this.closed ? 'closed' : 'timed out'} after ${this.preview()}`);
      await this.change(left);
    }
  }

  /** Takes the next reply; `method` is that of its request. Throws MalformedReply when it is not well-formed. */
  reply(method = 'GET', ms = PATIENCE): Promise<WireReply> {
    return this.until(() => {
      const parsed = parseReply(this.received, method, this.closed);
      if (parsed === null) return null;
      this.received = parsed.rest;
      return parsed.reply;
    }, ms);
  }

  /** Waits for the peer to close and gives what was received and not taken. */
  untilClosed(ms = PATIENCE): Promise<Buffer> {
    return this.until(() => (this.closed ? this.received : null), ms);
  }

  /** Sends a FIN: half-close. */
  end(): void {
    this.socket.end();
  }

  /** Stops reading, so that the peer feels backpressure. */
  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  /** Sends a RST. */
  reset(): void {
    this.socket.resetAndDestroy();
  }

  destroy(): void {
    this.socket.destroy();
  }

  [Symbol.dispose](): void {
    this.destroy();
  }

  private change(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  private preview(): string {
    return JSON.stringify(this.received.toString('latin1', 0, 300));
  }
}
