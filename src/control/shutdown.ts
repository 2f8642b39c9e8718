import { constants } from 'node:os';
import type { Logger } from 'pino';
import type { Fleet } from './fleet.ts';

export interface ShutdownOptions {
  readonly fleet: Fleet;
  readonly log: Logger;
  /** Milliseconds that listeners stay open, and that requests in flight may then take. */
  readonly times: () => { readonly delayMs: number; readonly graceMs: number };
  /** First thing: readiness turns, no more reloads. */
  readonly begin: () => void;
  /** Last thing, when the workers are gone. */
  readonly end: () => Promise<void>;
}

/** Milliseconds that a worker gets beyond its grace before it is ended by force. */
const MARGIN = 2_000;

/**
 * The end of a node: SIGTERM and SIGINT drain, a second signal ends at once, a bug in the primary drains
 * too and then says so by the exit code.
 */
export class Shutdown {
  #begun = false;
  readonly #options: ShutdownOptions;

  constructor(options: ShutdownOptions) {
    this.#options = options;
  }

  /** Takes over the signals of this process. */
  install(): void {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => this.#signalled(signal));
    process.on('uncaughtException', (error) => {
      this.#options.log.fatal({ err: error }, 'internal error in the primary');
      if (this.#begun) this.#endNow(1);
      else void this.#drain('uncaughtException', 1);
    });
  }

  #signalled(signal: 'SIGTERM' | 'SIGINT'): void {
    if (!this.#begun) return void this.#drain(signal, 0);
    this.#options.log.warn({ signal }, 'second signal: ending at once');
    this.#endNow(128 + constants.signals[signal]);
  }

  #endNow(code: number): void {
    for (const member of this.#options.fleet.members()) member.kill();
    process.exit(code);
  }

  async #drain(reason: string, code: number): Promise<void> {
    this.#begun = true;
    const { fleet, log, times, begin, end } = this.#options;
    const { delayMs, graceMs } = times();
    begin();
    log.info({ reason, delayMs, graceMs }, 'draining');
    const gone = fleet.retire();
    fleet.broadcast({ t: 'drain', delayMs, graceMs });
    const late = setTimeout(() => this.#hurry(), delayMs + graceMs + MARGIN);
    await gone;
    clearTimeout(late);
    log.info('drained');
    await end();
    process.exit(code);
  }

  #hurry(): void {
    for (const member of this.#options.fleet.members()) {
      this.#options.log.warn(
        { worker: member.slot, pid: member.pid },
        'worker did not drain: ended by force',
      );
      member.kill();
    }
  }
}
