import type { StoreConfig } from '../contracts/store.ts';
import { LIMIT_SCRIPTS, MEMBERS_SCRIPT } from './limit-scripts.ts';
import { Members } from './members.ts';
import { connectRedis, reasonOf, type RedisClient } from './redis.ts';
import type { LimitAlgorithm } from '../contracts/stores.ts';

/** What the store tells the process that it works for. */
export interface LimitEvents {
  /** One script was sent to Redis. */
  operation(): void;
  /** Redis cannot be asked from now on, and why; null: it can again. */
  degraded(reason: string | null): void;
}

type Answer = readonly number[];
type Command = (key: string, ...args: readonly (string | number)[]) => Promise<unknown>;

/** Somebody who waits for Redis, but not longer than until `deadline`. */
interface Waiting {
  readonly deadline: number;
  answer: ((reply: Answer | null) => void) | null;
}

/** Milliseconds between signs of life, and how long one is believed. */
const BEAT = 1_000;
const BELIEVED = 10_000;
/** Milliseconds between tries while Redis is away; spread, so that a fleet does not come at once. */
const PROBE = 100;
/** A Redis that was never there is told of after this many milliseconds: the connection takes a moment. */
const GRACE = 500;

/** A timer that is late by this many milliseconds tells that this process was busy. */
const LAG = 10;

const nameOf = (algorithm: LimitAlgorithm): string => `sluice_${LIMIT_SCRIPTS[algorithm].letter}`;

/**
 * Redis as the one who decides, with a breaker around it: whoever asks gets an answer or null within the time budget.
 * One failure is enough to leave Redis alone; it is asked again when a write of our own has succeeded.
 */
export class Authority {
  readonly members: Members;
  /** Settles when Redis can be asked for the first time, or has not come in time. */
  readonly ready: Promise<void>;
  #come: () => void = () => undefined;
  readonly #client: RedisClient;
  readonly #commands: Readonly<Record<string, Command>>;
  readonly #timeout: number;
  readonly #prefix: string;
  readonly #member: string;
  readonly #events: LimitEvents;
  readonly #born = performance.now();
  readonly #waiting: Waiting[] = [];
  #deadline: NodeJS.Timeout | null = null;
  #beat: NodeJS.Timeout;
  #away = true;
  #told = false;
  #probing = false;
  #reason = 'connecting';
  #closed = false;

  /** @param member Name of this process among all that share the store: `NODE/WORKER`. */
  constructor(config: StoreConfig, member: string, workers: number, events: LimitEvents) {
    this.members = new Members(member, (config.nodes ?? 1) * workers);
    this.#timeout = config.timeout;
    this.#prefix = config.prefix;
    this.#member = member;
    this.#events = events;
    this.#client = connectRedis(config, {
      name: 'limits',
      timeout: null,
      trouble: (reason) => {
        this.#reason = reason;
        // An error beside a connection that stands: one sentinel or one node of several.
        if (this.#client.status !== 'ready') this.#leave();
      },
    });
    this.#client.on('ready', () => void this.#sayHello());
    for (const algorithm of Object.keys(LIMIT_SCRIPTS) as LimitAlgorithm[])
      this.#client.defineCommand(nameOf(algorithm), { numberOfKeys: 1, lua: LIMIT_SCRIPTS[algorithm].lua });
    this.#client.defineCommand('sluice_members', { numberOfKeys: 1, lua: MEMBERS_SCRIPT });
    this.#commands = this.#client as unknown as Record<string, Command>;
    this.ready = new Promise((resolve) => {
      this.#come = resolve;
      setTimeout(resolve, GRACE).unref();
    });
    this.#beat = this.#schedule();
  }

  /** Whether Redis cannot be asked now. */
  get away(): boolean {
    return this.#away;
  }

  /** Runs the script of an algorithm on a bucket. Null = Redis could not be asked, or did not answer in time. */
  ask(algorithm: LimitAlgorithm, bucket: string, args: readonly (string | number)[]): Promise<Answer | null> {
    if (this.#away) return Promise.resolve(null);
    this.#events.operation();
    const key = `${this.#prefix}:${LIMIT_SCRIPTS[algorithm].letter}:{${bucket}}`;
    return this.#bounded(() => this.#commands[nameOf(algorithm)]!(key, ...args));
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#beat);
    if (!this.#away) await this.#bounded(() => this.#tellMembers(true));
    this.#client.disconnect();
  }

  /** The reply within the time budget, else null. */
  #bounded(run: () => Promise<unknown>): Promise<Answer | null> {
    return new Promise((resolve) => {
      const waiting: Waiting = { deadline: performance.now() + this.#timeout, answer: resolve };
      this.#waiting.push(waiting);
      if (this.#deadline === null) this.#watch(this.#timeout);
      const settle = (answer: Answer | null) => {
        waiting.answer?.(answer);
        waiting.answer = null;
      };
      attempt(run).then(
        (answer) => settle(answer as Answer),
        (error: unknown) => {
          if (waiting.answer !== null) this.#fail(reasonOf(error));
          settle(null);
        },
      );
    });
  }

  /** One timer for all: everybody has the same time budget, so deadlines come in order. */
  #watch(ms: number, extended = false): void {
    const due = performance.now() + ms;
    this.#deadline = setTimeout(() => {
      // A process that was busy itself blames nobody: it sends and reads first what it had no time for.
      if (!extended && performance.now() - due > LAG) this.#watch(LAG, true);
      else setImmediate(() => this.#expire());
    }, ms);
  }

  #expire(): void {
    const now = performance.now();
    let gone = 0;
    let late = false;
    for (const waiting of this.#waiting) {
      if (waiting.answer !== null && waiting.deadline > now) break;
      gone++;
      if (waiting.answer === null) continue;
      late = true;
      waiting.answer(null);
      waiting.answer = null;
    }
    this.#waiting.splice(0, gone);
    if (late) this.#fail('timeout');
    const [first] = this.#waiting;
    this.#deadline = null;
    if (first !== undefined) this.#watch(Math.max(1, first.deadline - now));
  }

  #fail(reason: string): void {
    if (this.#closed) return;
    this.#reason = reason;
    this.#leave();
  }

  #leave(): void {
    if (!this.#away) {
      this.#away = true;
      clearTimeout(this.#beat);
      this.#beat = this.#schedule();
    }
    if (this.#told || performance.now() - this.#born < GRACE) return;
    this.#told = true;
    this.#events.degraded(this.#reason);
  }

  #schedule(): NodeJS.Timeout {
    const ms = (this.#away ? PROBE : BEAT) * (0.75 + Math.random() / 2);
    return setTimeout(() => void this.#sayHello(), ms);
  }

  /** The sign of life; while Redis is away also the question whether it is back. */
  async #sayHello(): Promise<void> {
    if (this.#closed || this.#probing) return;
    clearTimeout(this.#beat);
    this.#probing = true;
    const ready = this.#client.status === 'ready';
    const members = ready ? await this.#bounded(() => this.#tellMembers(false)) : null;
    this.#probing = false;
    if (this.#closed) return;
    if (members !== null) this.#welcome(members as unknown as readonly string[]);
    else this.#leave();
    clearTimeout(this.#beat);
    this.#beat = this.#schedule();
  }

  #welcome(members: readonly string[]): void {
    this.members.heard(members, performance.now(), BELIEVED);
    if (!this.#away) return;
    this.#away = false;
    this.#come();
    if (this.#told) this.#events.degraded(null);
    this.#told = false;
  }

  #tellMembers(leaving: boolean): Promise<unknown> {
    const args = [this.#member, BELIEVED, leaving ? 1 : 0];
    return this.#commands['sluice_members']!(`${this.#prefix}:nodes`, ...args);
  }
}

/** A client that does not know where to send a command throws instead of failing. */
async function attempt(run: () => Promise<unknown>): Promise<unknown> {
  return run();
}
