import type { UwsResponse } from './uws-types.ts';

/**
 * Whether the addon reads from one connection. A halted one does not notice either that its client takes bytes
 * again, and what the addon remembers of it is lost with a write that has to wait: as long as bytes of the reply
 * wait for the client, the addon goes on reading, and what it reads has to be kept.
 */
export class Reading {
  /** Its reader wants no more. */
  paused = false;
  readonly #res: UwsResponse;
  #halted = false;
  #stalled = false;

  constructor(res: UwsResponse) {
    this.#res = res;
  }

  pause(): void {
    this.paused = true;
    this.#halt();
  }

  resume(): void {
    this.paused = false;
    this.#go();
  }

  /** Before each write of reply bytes. */
  writing(): void {
    this.#go();
  }

  /** After each write that was not the last. */
  written(flowing: boolean): void {
    this.#stalled = !flowing;
    if (this.paused) this.#halt();
  }

  #halt(): void {
    if (this.#halted || this.#stalled) return;
    this.#halted = true;
    this.#res.pause();
  }

  #go(): void {
    if (!this.#halted) return;
    this.#halted = false;
    this.#res.resume();
  }
}

/**
 * Starts the addon's timer for a silent connection again. It would cut a slow body, unless with each piece; and it
 * knows nothing of the end of a reply without body.
 */
export function rearm(res: UwsResponse): void {
  res.pause();
  res.resume();
}
