import { Timer, wheel } from '../lib/wheel.ts';

/** Milliseconds without a byte; all together may take that many times as long. */
const SILENCE = 5_000;
const TIMES = 6;

/**
 * Bounds the rest of a request body that nobody wants. It is read and thrown away, because to close a connection with
 * bytes on their way resets it, and its client might never read the reply (RFC 9112 section 9.6). But not for ever.
 */
export class Lingering {
  readonly #connection: { close(): void };
  readonly #timer = new Timer(this);
  readonly #silence: number;
  readonly #until: number;

  /** @param patience Milliseconds that a body may be silent anyway; 0 = any number. */
  constructor(connection: { close(): void }, patience: number) {
    this.#connection = connection;
    this.#silence = Math.min(SILENCE, patience || SILENCE);
    this.#until = performance.now() + TIMES * this.#silence;
    this.heard();
  }

  /** A piece came, and it was not the last one. */
  heard(): void {
    wheel.armAt(this.#timer, Math.min(performance.now() + this.#silence, this.#until));
  }

  /** The body is complete, or its connection closed. */
  over(): void {
    wheel.cancel(this.#timer);
  }

  onTimer(): void {
    this.#connection.close();
  }
}
