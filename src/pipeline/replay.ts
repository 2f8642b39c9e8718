import { type BodySink, EMPTY, type Source } from '../contracts/transport.ts';

/**
 * A request body that can be sent again: passes it on as it comes and keeps a copy, up to a bound. Once more has come
 * than may be kept, the copy is dropped and the body can be read by its present reader only.
 */
export class Replay implements Source, BodySink {
  readonly length: number;
  readonly #source: Source;
  readonly #max: number;
  #kept: Uint8Array[] = [];
  #size = 0;
  /** The last piece has come. */
  #whole = false;
  #lost = false;
  #piped = false;
  #to: BodySink | null = null;

  /** @param max Bytes that are kept. */
  constructor(source: Source, max: number) {
    this.#source = source;
    this.#max = max;
    this.length = source.length;
    // It will not fit: no byte of it need be copied.
    this.#lost = source.length > max;
  }

  /** Whether it can be sent (again) from its beginning. */
  get repeatable(): boolean {
    return !this.#lost || !this.#piped;
  }

  /** Sends it from its beginning, which must be `repeatable`. Unlike another source it may be asked more than once. */
  pipe(to: BodySink): void {
    this.#to = to;
    if (!this.#piped) {
      this.#piped = true;
      this.#source.pipe(this);
    } else if (this.#replay(to)) this.#source.resume();
  }

  /** The reader has failed: what comes is kept for the next one. */
  detach(): void {
    this.#to = null;
  }

  /** Nobody will ask again. */
  forget(): void {
    this.#lost = true;
    this.#kept = [];
  }

  resume(): void {
    this.#source.resume();
  }

  discard(): void {
    this.#to = null;
    this.forget();
    this.#source.discard();
  }

  onBody(chunk: Uint8Array, last: boolean): boolean {
    const to = this.#to;
    if (!this.#lost) this.#keep(chunk, to !== null);
    this.#whole = last;
    return to === null ? this.#size < this.#max : to.onBody(chunk, last);
  }

  /** Without a reader a piece that is too much is kept all the same: it has been taken from the client. */
  #keep(chunk: Uint8Array, read: boolean): void {
    this.#size += chunk.length;
    if (this.#size > this.#max && read) this.forget();
    else if (chunk.length > 0) this.#kept.push(Uint8Array.from(chunk));
  }

  /** Sends what was kept. True = the reader takes more and there is more to come. */
  #replay(to: BodySink): boolean {
    const kept = this.#kept;
    let flowing = true;
    for (let i = 0; i < kept.length; i++) {
      // The bound is small: what a backed-up connection cannot send at once waits in its own buffer.
      flowing = to.onBody(kept[i]!, this.#whole && i === kept.length - 1);
    }
    if (this.#whole && kept.length === 0) to.onBody(EMPTY, true);
    return flowing && !this.#whole;
  }
}
