import { performance } from 'node:perf_hooks';
import { Timer, wheel } from '../lib/wheel.ts';
import type { UwsResponse } from './uws-types.ts';

/** Who reads a body. */
export interface Reader {
  /** The turn of the loop in which a piece was expected or came is over. */
  turned(): void;
  /** The client has been silent for too long. */
  onTimer(): void;
}

/**
 * Whether the addon reads from one connection. A halted one does not notice either that its client takes bytes
 * again, and what the addon remembers of it is lost with a write that has to wait: as long as bytes of the reply
 * wait for the client, the addon goes on reading, and what it reads has to be kept.
 */
export class Reading {
  /** Its reader wants no more. */
  paused = false;
  readonly #res: UwsResponse;
  readonly #reader: Reader;
  #timer: Timer | null = null;
  #halted = false;
  #stalled = false;
  #turning = false;

  constructor(res: UwsResponse, reader: Reader) {
    this.#res = res;
    this.#reader = reader;
  }

  /**
   * Tells the reader once this turn of the loop is over. To bound a silence costs a tenth of a request, and most
   * bodies come to their end in the read that brought their beginning: there is none.
   */
  expect(): void {
    if (this.#turning) return;
    this.#turning = true;
    if (turning.length === 0) setImmediate(turn);
    turning.push(this);
  }

  /** What `expect` has put off. */
  turned(): void {
    this.#turning = false;
    this.#reader.turned();
  }

  /** Bounds the silence by `ms`, 0 = not, and by what the addon has. */
  await(ms: number): void {
    this.arm(ms);
    if (!this.#halted) rearm(this.#res);
  }

  /** Bounds the silence by `ms`, 0 = not. */
  arm(ms: number): void {
    if (ms > 0) wheel.arm((this.#timer ??= new Timer(this.#reader)), ms, performance.now());
  }

  disarm(): void {
    if (this.#timer !== null) wheel.cancel(this.#timer);
  }

  pause(): void {
    this.paused = true;
    this.disarm();
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

/** Those whose reader is to be told. */
let turning: Reading[] = [];

function turn(): void {
  const these = turning;
  turning = [];
  for (let i = 0; i < these.length; i++) these[i]!.turned();
}

/**
 * Starts the addon's timer for a silent connection again. It would cut a slow body, unless with each piece; and it
 * knows nothing of the end of a reply without body.
 */
export function rearm(res: UwsResponse): void {
  res.pause();
  res.resume();
}
