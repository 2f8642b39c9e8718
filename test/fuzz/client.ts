import { connect, type Socket } from 'node:net';

/** A client whose address tells its case; keeps what it received. */
export class FuzzClient {
  received = '';
  /** The gateway ended or reset the connection. */
  closed = false;
  /** Why there never was a connection; empty = there was one. */
  unconnected = '';
  readonly #socket: Socket;
  #wake = (): void => undefined;

  constructor(port: number, localAddress: string) {
    this.#socket = connect({ port, host: '127.0.0.1', localAddress, allowHalfOpen: true, noDelay: true });
    this.#socket.on('data', (data: Buffer) => {
      this.received += data.toString('latin1');
      this.#wake();
    });
    const ended = () => {
      this.closed = true;
      this.#wake();
    };
    this.#socket.on('end', ended).on('close', ended);
    let connected = false;
    this.#socket.once('connect', () => (connected = true));
    this.#socket.on('error', ({ message }) => {
      if (!connected) this.unconnected = message;
      ended();
    });
  }

  /** Sends pieces in segments of their own, as far as the kernel allows. */
  async send(pieces: readonly Buffer[]): Promise<void> {
    for (const piece of pieces) {
      if (this.closed) return;
      await new Promise<void>((resolve) => this.#socket.write(piece, () => setImmediate(resolve)));
    }
  }

  /** Waits until `count` final replies have begun, the connection is closed, or nothing came for `ms`. */
  async settle(count: number, ms: number): Promise<void> {
    while (!this.closed && this.replies < count) if (!(await this.more(ms))) return;
  }

  /** Waits until the connection is closed; false = it is not after `ms`. */
  async ended(ms: number): Promise<boolean> {
    const until = performance.now() + ms;
    while (!this.closed && performance.now() < until) await this.more(until - performance.now());
    return this.closed;
  }

  /** Says that nothing more will be sent. */
  end(): void {
    this.#socket.end();
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }

  /** About how many final replies have begun. */
  get replies(): number {
    return this.received.split(/HTTP\/1\.1 [2-5]/).length - 1;
  }

  /** Waits for bytes, or for the end; false = nothing within `ms`. */
  more(ms: number): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms, false);
      this.#wake = () => {
        clearTimeout(timer);
        resolve(true);
      };
    });
  }
}

/** An address of this machine for the case of that index. */
export const addressOf = (index: number): string =>
  `127.${1 + ((index >> 16) & 63)}.${(index >> 8) & 255}.${index & 255}`;
