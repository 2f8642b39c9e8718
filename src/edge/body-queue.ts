import type { BodySink } from '../contracts/transport.ts';

/**
 * What all exchanges of this worker may keep of request bodies that came while their reader was not ready:
 * the addon's pause lets what the kernel has read already through.
 */
const BUDGET = 64 * 1024 * 1024;
let used = 0;

/** Pieces of one request body that wait for the upstream. */
export class BodyQueue {
  #pieces: Uint8Array[] = [];
  #last = false;

  /** Copies a piece. False = the worker's budget is spent: the request must be cut. */
  push(chunk: Uint8Array, last: boolean): boolean {
    if (used + chunk.length > BUDGET) return false;
    used += chunk.length;
    this.#pieces.push(chunk.slice());
    this.#last = last;
    return true;
  }

  /** Hands pieces on until the sink stops the flow. True = it may go on. */
  drain(to: BodySink): boolean {
    while (this.#pieces.length > 0) {
      const piece = this.#pieces.shift()!;
      used -= piece.length;
      const last = this.#last && this.#pieces.length === 0;
      if (!to.onBody(piece, last) && !last) return false;
    }
    return true;
  }

  clear(): void {
    for (const piece of this.#pieces) used -= piece.length;
    this.#pieces = [];
  }
}
