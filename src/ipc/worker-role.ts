import type { Channel, SeriesDelta, ToPrimary, ToWorker } from '../contracts/messages.ts';
import type { Runtime, Snapshot } from '../contracts/runtime.ts';

/** The listener of a worker, as its role sees it. */
export interface Listener {
  readonly kind: string;
  /** Rejects when the port cannot be opened. */
  listen(): Promise<void>;
  stopListening(): void;
  /** Calls `done` once, when the last exchange is finished. */
  drained(done: () => void): void;
  close(): void;
}

/** What a worker is made of; `worker.ts` assembles it, tests bring their own. */
export interface Work {
  /** Throws on an unusable snapshot. */
  compile(snapshot: Snapshot): Runtime;
  /** Serves the runtime from now on. The first call makes the listener, every call returns it. */
  serve(runtime: Runtime): Listener;
  /** Settles when clients may come, before the first listen; never rejects. */
  ready?(): Promise<void>;
  /** Changes of the metrics since the last call. */
  deltas(): readonly SeriesDelta[];
}

/** What a role may do to its process. */
export interface RoleProcess {
  /** Ends it, after everything said so far has left it. */
  exit(code: number): void;
  readonly warn: (line: string) => void;
}

const PUSH_EVERY = 1_000;

/**
 * The worker's side of the conversation: prepare, commit, push metrics, drain. Knows the order of
 * things and nothing of how they are done.
 */
export class WorkerRole {
  readonly #work: Work;
  readonly #process: RoleProcess;
  readonly #primary: Channel<ToWorker, ToPrimary>;
  #prepared: Runtime | null = null;
  #listener: Listener | null = null;
  /** Generation that is served; 0 before the first commit. */
  #generation = 0;
  #draining = false;
  #left = false;

  constructor(primary: Channel<ToWorker, ToPrimary>, work: Work, process: RoleProcess) {
    this.#work = work;
    this.#process = process;
    this.#primary = primary;
    primary.on((message) => this.#hear(message));
    setInterval(() => this.#push(), PUSH_EVERY);
  }

  #hear(message: ToWorker): void {
    switch (message.t) {
      case 'snapshot':
        return this.#prepare(message.snapshot);
      case 'commit':
        return this.#commit(message.generation);
      case 'fact':
        // The board of `facts.ts` hears it.
        return;
      case 'drain':
        return this.#drain(message.delayMs, message.graceMs);
    }
  }

  #prepare(snapshot: Snapshot): void {
    const { generation } = snapshot;
    this.#prepared?.retire();
    this.#prepared = null;
    try {
      this.#prepared = this.#work.compile(snapshot);
      this.#primary.send({ t: 'prepared', generation });
    } catch (error) {
      this.#primary.send({ t: 'refused', generation, why: messageOf(error) });
    }
  }

  #commit(generation: number): void {
    const runtime = this.#prepared;
    if (runtime?.generation !== generation) {
      return this.#process.warn(`told to commit generation ${generation}, which is not prepared here`);
    }
    this.#prepared = null;
    this.#generation = generation;
    const first = this.#listener === null;
    this.#listener = this.#work.serve(runtime);
    if (first) void this.#listen(this.#listener);
    else this.#primary.send({ t: 'applied', generation });
  }

  async #listen(listener: Listener): Promise<void> {
    try {
      if (this.#work.ready !== undefined) await this.#work.ready();
      await listener.listen();
      this.#primary.send({ t: 'ready', generation: this.#generation, edge: listener.kind });
    } catch (error) {
      this.#primary.send({ t: 'unable', why: messageOf(error) });
      this.#process.exit(1);
    }
  }

  #push(): void {
    this.#primary.send({ t: 'metrics', deltas: this.#work.deltas() });
  }

  #drain(delayMs: number, graceMs: number): void {
    if (this.#draining) return;
    this.#draining = true;
    setTimeout(() => this.#stop(graceMs), delayMs);
  }

  #stop(graceMs: number): void {
    const listener = this.#listener;
    if (listener === null) return this.#leave();
    setTimeout(() => this.#leave(), graceMs);
    listener.stopListening();
    listener.drained(() => this.#leave());
  }

  #leave(): void {
    if (this.#left) return;
    this.#left = true;
    this.#listener?.close();
    this.#push();
    this.#primary.send({ t: 'drained' });
    this.#process.exit(0);
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
