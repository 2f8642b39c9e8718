import { RequestReader } from '../pipeline/request-reader.ts';
import type { UwsRequest } from './uws-types.ts';

/**
 * A view of the memory that the addon reads into, one and the same for all plain connections of a process. The addon
 * gives fields one by one, a call and two strings each, a sixth of what a proxied request costs; where a head
 * lies in this memory as it came, it is read from there.
 */
export class ReceiveWindow {
  readonly memory: ArrayBuffer;
  /** Reads what was located. */
  readonly reader: RequestReader;
  readonly #bytes: Uint8Array;
  /** Where the next request of the same read begins, if there is one. */
  #next = 0;

  constructor(memory: ArrayBuffer) {
    this.memory = memory;
    this.reader = new RequestReader(memory);
    this.#bytes = new Uint8Array(memory);
  }

  /**
   * Offset of the head of the request that is being handled; -1 = it lies elsewhere (it came in pieces). Certain, not
   * likely: what the addon takes for the method changes with the byte there.
   *
   * @param method What the addon says the method is.
   */
  locate(req: UwsRequest, method: string): number {
    const next = this.#next;
    this.#next = 0;
    if (this.#holds(0, req, method)) return 0;
    return next > 0 && this.#holds(next, req, method) ? next : -1;
  }

  /** Tells where the request that was located ends: another may begin there. */
  ended(at: number): void {
    this.#next = at;
  }

  #holds(at: number, req: UwsRequest, method: string): boolean {
    const bytes = this.#bytes;
    const byte = bytes[at];
    if (byte !== method.charCodeAt(0)) return false;
    bytes[at] = byte ^ 1;
    const changed = req.getCaseSensitiveMethod() !== method;
    bytes[at] = byte;
    return changed;
  }
}
