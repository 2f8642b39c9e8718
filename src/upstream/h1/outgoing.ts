import type { Socket } from 'node:net';
import type { Call } from './call.ts';
import { writePiece } from './write.ts';

/** The request side of a connection: what is still held back, what was announced, what the kernel has not taken. */
export class Outgoing {
  /** The head, until it goes out with the first piece of body. */
  held: string;
  /** The caller has said that the request is whole: he will not write again. */
  sent = false;
  /** The socket takes no more until it drains. */
  backed = false;
  readonly #socket: Socket;
  /** Body bytes that were announced and not yet written; -1 = chunked. */
  #left = 0;

  constructor(socket: Socket, held: string) {
    this.#socket = socket;
    this.held = held;
  }

  /** The next request is `call`, of which nothing has been written. */
  begin({ head, text }: Call): void {
    this.held = text;
    this.sent = false;
    this.#left = head.length;
  }

  /** The request without body whose turn it is was written beforehand; or is part of `held`. */
  follow(held: string): void {
    this.held = held;
    this.sent = held === '';
    this.#left = 0;
  }

  /** Writes a piece of body, with the head if that is held; false = it is not what was announced. */
  write(chunk: Uint8Array, last: boolean): boolean {
    const { length } = chunk;
    const chunked = this.#left < 0;
    if (chunked ? this.sent && length > 0 : length > this.#left || (last && length < this.#left))
      return false;
    if (!chunked) this.#left -= length;
    const ends = last && !this.sent;
    if (last) this.sent = true;
    if (length > 0 || (chunked && ends))
      this.#wrote(writePiece(this.#socket, this.held, chunk, chunked, last));
    else if (ends && this.held !== '') this.#send(this.held);
    return true;
  }

  /** Writes what is held, if anything, and `more` heads behind it; false = there was nothing. */
  flush(more: string): boolean {
    if (this.held === '' && more === '') return false;
    if (this.#left === 0) this.sent = true;
    this.#send(this.held + more);
    return true;
  }

  #send(text: string): void {
    // Asking first whether latin1 would do costs more than encoding as UTF-8 what nearly always is ASCII.
    this.#wrote(this.#socket.write(text, 'utf8'));
  }

  #wrote(flowing: boolean): void {
    this.held = '';
    this.backed = !flowing;
  }
}
