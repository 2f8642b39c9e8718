import cluster from 'node:cluster';
import type { Worker } from 'node:cluster';
import { randomBytes } from 'node:crypto';
import type { Logger } from 'pino';
import type { ToPrimary, ToWorker } from '../contracts/messages.ts';
import { openChannel } from '../ipc/channel.ts';
import { STDIO, toEnv } from '../ipc/environment.ts';

/** One living worker process. An heir in the same slot is another member. */
export interface Member {
  /** Stable number 0..N-1: the `worker` label of metrics and the owner of shared state. */
  readonly slot: number;
  readonly pid: number;
  send(message: ToWorker): void;
  /** Ends the process at once; the slot gets an heir. */
  kill(): void;
}

/** Who wants to know what happens in the fleet. */
export interface FleetEvents {
  /** `isHeir`: another worker had this slot before. */
  born?(member: Member, isHeir: boolean): void;
  message?(member: Member, message: ToPrimary): void;
  /** Everything that the worker said has been delivered before. */
  died?(member: Member, reason: string): void;
}

/** Pace of respawns, in milliseconds. */
export interface Backoff {
  readonly first: number;
  readonly longest: number;
  /** A worker that lived this long starts again with `first`. */
  readonly healthy: number;
}

export interface FleetOptions {
  readonly size: number;
  /** Path of the program that workers run. */
  readonly exec: string;
  /** Told to each worker at birth. */
  readonly blockWrite?: boolean;
  /** The memory that workers inherit; absent = none. */
  readonly memory?: { readonly fd: number; readonly length: number } | null;
  readonly log: Logger;
  readonly backoff?: Backoff;
}

/**
 * What workers tell V8. It may inline four times as much of a request's walk into one piece of machine code as by itself:
 * 3 % less time for the gateway's own code (`native-bench/walk.mjs`). And one thread, not four, compiles and collects
 * beside the worker: there is a worker for each core, and four threads would take four fifths of it from the requests. A
 * cold gateway under 15,000 requests a second had a longest answer of 310 to 350 ms with four, and has 90 to 105 with one.
 */
const V8_FLAGS = ['--max-inlined-bytecode-size-cumulative=4000', '--v8-pool-size=1'];
const BACKOFF: Backoff = { first: 100, longest: 10_000, healthy: 10_000 };
/** Seconds without a metrics push after which a worker counts as stalled. */
const STALLED_AFTER = 10;

interface Slot {
  readonly number: number;
  member: Member | null;
  bornAt: number;
  /** Short lives in a row. */
  failures: number;
  /** Seconds since the last push. Counted in ticks, so that a primary that was itself stopped blames nobody. */
  silent: number;
  respawn: NodeJS.Timeout | null;
}

/** The worker processes of this node: forks them, keeps every slot filled, carries messages. Primary only. */
export class Fleet {
  readonly #node = randomBytes(9).toString('base64url');
  readonly size: number;
  readonly #options: FleetOptions;
  readonly #backoff: Backoff;
  readonly #slots: readonly Slot[];
  readonly #listeners: FleetEvents[] = [];
  #watchdog: NodeJS.Timeout | null = null;
  #retired = false;
  #deserted: () => void = () => {};

  constructor(options: FleetOptions) {
    this.size = options.size;
    this.#options = options;
    this.#backoff = options.backoff ?? BACKOFF;
    this.#slots = Array.from({ length: options.size }, (_, number) => vacant(number));
  }

  listen(events: FleetEvents): void {
    this.#listeners.push(events);
  }

  /** Forks every worker; nobody when the fleet is already retired. */
  start(): void {
    if (this.#retired) return;
    // Workers of the node edge accept by themselves: the primary carries no connection.
    cluster.schedulingPolicy = cluster.SCHED_NONE;
    cluster.setupPrimary({
      exec: this.#options.exec,
      args: [],
      execArgv: [...process.execArgv, ...V8_FLAGS],
      serialization: 'advanced',
      // What workers share comes last: `MEMORY_FD`.
      stdio: [...STDIO, this.#options.memory?.fd ?? 'ignore'],
    });
    for (const slot of this.#slots) this.#fork(slot, false);
    this.#watchdog = setInterval(() => this.#tick(), 1_000);
    this.#watchdog.unref();
  }

  /** The living workers, by slot. */
  members(): Member[] {
    return this.#slots.flatMap(({ member }) => (member === null ? [] : [member]));
  }

  broadcast(message: ToWorker): void {
    for (const member of this.members()) member.send(message);
  }

  /** From now on nobody who dies gets an heir. Resolves when the last worker is gone. */
  retire(): Promise<void> {
    this.#retired = true;
    if (this.#watchdog !== null) clearInterval(this.#watchdog);
    for (const slot of this.#slots) if (slot.respawn !== null) clearTimeout(slot.respawn);
    return new Promise((resolve) => {
      this.#deserted = resolve;
      if (this.members().length === 0) resolve();
    });
  }

  #fork(slot: Slot, isHeir: boolean): void {
    slot.respawn = null;
    slot.bornAt = performance.now();
    slot.silent = 0;
    const { blockWrite = false, memory } = this.#options;
    const born = {
      slot: slot.number,
      workers: this.size,
      node: this.#node,
      blockWrite,
      sharedMemory: memory?.length ?? 0,
    };
    const worker = fork(toEnv(born));
    if (worker === null) return this.#gone(slot, 'could not be started');
    const warn = (line: string) => this.#options.log.warn({ worker: slot.number }, line);
    const channel = openChannel<ToPrimary, ToWorker>(worker, { warn, patient: true });
    const member: Member = {
      slot: slot.number,
      pid: worker.process.pid!,
      send: (message) => channel.send(message),
      kill: () => void worker.process.kill('SIGKILL'),
    };
    slot.member = member;
    channel.on((message) => this.#hear(slot, member, message));
    whenGone(worker, (reason) => this.#gone(slot, reason));
    for (const listener of this.#listeners) listener.born?.(member, isHeir);
  }

  #hear(slot: Slot, member: Member, message: ToPrimary): void {
    if (message.t === 'metrics') {
      if (slot.silent >= STALLED_AFTER) this.#options.log.info({ worker: slot.number }, 'worker is back');
      slot.silent = 0;
    }
    for (const listener of this.#listeners) listener.message?.(member, message);
  }

  #gone(slot: Slot, reason: string): void {
    const { member } = slot;
    slot.member = null;
    if (performance.now() - slot.bornAt >= this.#backoff.healthy) slot.failures = 0;
    if (!this.#retired) {
      const delay = Math.min(this.#backoff.first * 2 ** slot.failures, this.#backoff.longest);
      slot.failures++;
      slot.respawn = setTimeout(() => this.#fork(slot, true), delay);
      const facts = { worker: slot.number, pid: member?.pid, reason, respawnMs: delay };
      this.#options.log.error(facts, 'worker died');
    }
    if (member !== null) for (const listener of this.#listeners) listener.died?.(member, reason);
    if (this.members().length === 0) this.#deserted();
  }

  #tick(): void {
    for (const slot of this.#slots) {
      if (slot.member === null || ++slot.silent !== STALLED_AFTER) continue;
      const facts = { worker: slot.number, pid: slot.member.pid, seconds: STALLED_AFTER };
      this.#options.log.warn(facts, 'worker is stalled: no word from it');
    }
  }
}

const vacant = (number: number): Slot => ({
  number,
  member: null,
  bornAt: 0,
  failures: 0,
  silent: 0,
  respawn: null,
});

/** Null when the system refuses another process. */
function fork(env: Record<string, string>): Worker | null {
  try {
    const worker = cluster.fork(env);
    // A failed spawn also reports an error, which nobody needs twice.
    worker.on('error', () => {});
    return worker.process.pid === undefined ? null : worker;
  } catch {
    return null;
  }
}

/** Longest wait for the end of a dead worker's channel, in milliseconds. */
const LAST_WORDS = 1_000;

/**
 * A worker is gone when it has ended and its last words have been read: either may come first. Node does not
 * tell of the latter when a write to the dying worker failed.
 */
function whenGone(worker: Worker, done: (reason: string) => void): void {
  let reason = '';
  let awaited = 2;
  const one = () => {
    if (--awaited === 0) done(reason);
  };
  worker.once('exit', (code, signal) => {
    reason = signal === null ? `exit code ${code}` : signal;
    one();
    // A second call does no harm: below zero nobody is told.
    setTimeout(one, LAST_WORDS);
  });
  worker.once('disconnect', one);
}
