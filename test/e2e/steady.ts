import { setImmediate as nextTurn, setTimeout as pause } from 'node:timers/promises';
import { connect, type RawClient } from '../support/raw.ts';
import type { WireReply } from '../support/reply-parser.ts';

export const get = (path: string, ...fields: string[]): string =>
  [`GET ${path} HTTP/1.1`, 'Host: test.example', ...fields, '', ''].join('\r\n');

export interface SteadyOptions {
  readonly port: number;
  readonly path: string;
  /** A connection for each request, instead of one for all. */
  readonly fresh?: boolean;
  /** Milliseconds between an answer and the next request; default none. */
  readonly think?: number;
  /** Called for each answer. */
  readonly seen?: (reply: WireReply) => void;
}

/**
 * A client that asks the same thing over and over, one request at a time, and keeps count. One that keeps its
 * connection ends with it: after the answer that says `Connection: close`, or when it breaks.
 */
export class SteadyClient {
  /** When each answer with status 200 came (`performance.now()`). */
  readonly answers: number[] = [];
  /** What went wrong, one entry for each request that got no answer or one other than 200. */
  readonly failures: string[] = [];
  /** An answer announced the end of the connection. */
  dismissed = false;
  /** Port at this client's end of its last connection. */
  localPort = 0;
  readonly #options: SteadyOptions;
  #connection: RawClient | null = null;
  #stopped = false;
  #over: Promise<void> = Promise.resolve();

  constructor(options: SteadyOptions) {
    this.#options = options;
  }

  /** Opens the connection (of a client that keeps it) and begins to ask. */
  async start(): Promise<this> {
    if (this.#options.fresh !== true) await this.#open();
    this.#over = this.#run();
    return this;
  }

  /** Resolves when the running request is answered. */
  stop(): Promise<void> {
    this.#stopped = true;
    return this.#over;
  }

  /** Resolves when the client has ended by itself. */
  ended(): Promise<void> {
    return this.#over;
  }

  async #open(): Promise<RawClient> {
    const connection = await connect(this.#options.port);
    this.localPort = connection.socket.localPort ?? 0;
    return (this.#connection = connection);
  }

  async #run(): Promise<void> {
    const { path, fresh = false, think = 0, seen } = this.#options;
    const request = fresh ? get(path, 'Connection: close') : get(path);
    while (!this.#stopped) {
      try {
        const connection = fresh ? await this.#open() : this.#connection!;
        await connection.send(request);
        const reply = await connection.reply();
        if (fresh) connection.destroy();
        if (reply.status === 200) this.answers.push(performance.now());
        else this.failures.push(`status ${reply.status}`);
        seen?.(reply);
        this.dismissed = reply.get('connection') === 'close';
        if (this.dismissed && !fresh) return;
        if (think > 0) await pause(think);
      } catch (error) {
        this.failures.push(error instanceof Error ? error.message : String(error));
        if (!fresh) return;
        await nextTurn();
      }
    }
  }
}

/** Starts so many clients. */
export function steady(count: number, options: SteadyOptions): Promise<SteadyClient[]> {
  return Promise.all(Array.from({ length: count }, () => new SteadyClient(options).start()));
}

export const failuresOf = (clients: readonly SteadyClient[]): string[] =>
  clients.flatMap(({ failures }) => failures);

export const answersOf = (clients: readonly SteadyClient[]): number[] =>
  clients.flatMap(({ answers }) => answers);
