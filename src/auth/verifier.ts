import { createRequire } from 'node:module';
import type * as Package from 'piscina';
import type { Verifier } from '../contracts/auth.ts';
import type { PasswordTry, VerifyBatch } from './verify-batch.ts';

type Threads<Task, Answer> = Package.Piscina<Task, Answer>;
type Options = NonNullable<ConstructorParameters<typeof Package.Piscina>[0]>;

interface Job {
  readonly token: string;
  readonly algorithm: string;
  readonly jwk: string;
  readonly since: number;
  readonly settle: (good: boolean | null) => void;
}

/** Tokens that may wait, per thread: a fraction of a second of work. */
const MOST_WAITING = 1_024;
/** Tokens of one message: enough to make its cost small, few enough that the first does not wait for the last. */
const BATCH = 32;
/** Between two messages, but for full ones: each wakes a thread, and the event loop again, which costs more than a check. */
const GAP_MS = 1;
/** Who has waited this long is told to come again, rather than served when he has gone. */
const PATIENCE_MS = 1_000;

/** Passwords that may wait: some seconds of work, since each takes a thread for 0.2 s. */
const MOST_PASSWORDS = 32;
/** A thread that holds no password for so long ends, and gives back its memory. */
const IDLE_MS = 60_000;
const PASSWORD_PATIENCE_MS = 5_000;

/**
 * Checks signatures and passwords in threads. Of signatures, what is asked in one turn of the event loop leaves in one
 * message, and under a flood what is asked within a millisecond; while every thread is busy the rest waits here, within
 * bounds.
 */
export class ThreadVerifier implements Verifier {
  readonly #program: string;
  readonly #wanted: () => number;
  #pool: Threads<VerifyBatch, Uint8Array> | null = null;
  #passwords: Threads<PasswordTry, boolean | null> | null = null;
  #threads = 0;
  #busy = 0;
  #scheduled = false;
  #sentAt = 0;
  #waiting: Job[] = [];

  /**
   * @param program File of the threads: `verify.js`.
   * @param threads How many; asked when they are started.
   */
  constructor(program: string, threads: () => number) {
    this.#program = program;
    this.#wanted = threads;
  }

  start(): void {
    if (this.#pool !== null) return;
    const threads = (this.#threads = this.#wanted());
    this.#pool = this.#open({ minThreads: threads, maxThreads: threads, idleTimeout: Infinity });
  }

  signature(token: string, algorithm: string, jwk: string): Promise<boolean | null> | null {
    if (this.#pool === null || this.#waiting.length >= this.#threads * MOST_WAITING) return null;
    return new Promise((settle) => {
      this.#waiting.push({ token, algorithm, jwk, since: performance.now(), settle });
      this.#sendSoon();
    });
  }

  password(password: string, hash: string): Promise<boolean | null> | null {
    const pool = (this.#passwords ??= this.#open({
      minThreads: 0,
      maxThreads: this.#wanted(),
      idleTimeout: IDLE_MS,
    }));
    if (pool.queueSize >= MOST_PASSWORDS) return null;
    const until = Date.now() + PASSWORD_PATIENCE_MS;
    return pool.run({ password, hash, until }, { name: 'password' }).catch(() => null);
  }

  /** Ends the threads. */
  async close(): Promise<void> {
    await Promise.all([this.#pool?.destroy(), this.#passwords?.destroy()]);
    this.#pool = this.#passwords = null;
  }

  #open<Task, Answer>(options: Options): Threads<Task, Answer> {
    // Loaded where it is needed: a gateway without tokens and passwords starts without it.
    const { Piscina } = createRequire(import.meta.url)('piscina') as typeof Package;
    return new Piscina({
      ...options,
      filename: this.#program,
      // What the process was told in secret is none of a thread's business.
      env: {},
      // Ed25519 is said to be experimental in Node 20, once for each thread.
      execArgv: ['--disable-warning=ExperimentalWarning'],
      recordTiming: false,
    });
  }

  #sendSoon(): void {
    if (this.#scheduled || this.#waiting.length === 0 || this.#busy >= this.#threads) return;
    this.#scheduled = true;
    const isFull = this.#waiting.length >= BATCH;
    if (isFull || performance.now() - this.#sentAt >= GAP_MS) setImmediate(this.#send);
    else setTimeout(this.#send, GAP_MS);
  }

  readonly #send = (): void => {
    this.#scheduled = false;
    this.#sentAt = performance.now();
    const oldest = this.#sentAt - PATIENCE_MS;
    while (this.#busy < this.#threads && this.#waiting.length > 0) {
      const jobs = this.#waiting.splice(0, BATCH).filter((job) => {
        if (job.since < oldest) job.settle(null);
        return job.since >= oldest;
      });
      if (jobs.length > 0) void this.#run(jobs);
    }
  };

  async #run(jobs: readonly Job[]): Promise<void> {
    this.#busy++;
    try {
      const good = await this.#pool?.run(batchOf(jobs));
      for (const [i, job] of jobs.entries()) job.settle(good === undefined ? null : good[i] === 1);
    } catch {
      // A thread that died is replaced by the pool; its tokens were neither good nor bad.
      for (const job of jobs) job.settle(null);
    }
    this.#busy--;
    this.#sendSoon();
  }
}

function batchOf(jobs: readonly Job[]): VerifyBatch {
  const jwks = [...new Set(jobs.map(({ jwk }) => jwk))];
  return {
    tokens: jobs.map(({ token }) => token),
    algorithms: jobs.map(({ algorithm }) => algorithm),
    jwks,
    keyOf: jobs.map(({ jwk }) => jwks.indexOf(jwk)),
  };
}
