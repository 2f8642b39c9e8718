import { Lingering } from './lingering.ts';
import { rearm } from './uws-reading.ts';
import type { UwsResponse } from './uws-types.ts';

/** Ends a chunked body that has begun, with a field as its trailer, because the addon writes nothing else as it is. */
export function endChunksByHand(res: UwsResponse): void {
  res.writeHeader('\r\n0\r\nx-last', '1\r\n');
}

/** Ends the head of a reply whose body is empty or left out; `length` -1 = it tells none. */
export function endHeadByHand(res: UwsResponse, length: number): void {
  if (length >= 0) res.writeHeader('content-length', String(length));
  res.writeHeader('connection', 'close\r\n');
}

/**
 * A connection whose last reply is out, ended by hand: the addon takes it for pending, and so closes the connection
 * when another request comes, or when it has been idle for long.
 */
export class EndedByHand {
  readonly #res: UwsResponse;
  readonly #rest: Lingering | null;

  /**
   * @param whole Whether the request body has come to its end.
   * @param patience As in `Lingering`.
   */
  constructor(res: UwsResponse, whole: boolean, patience: number) {
    this.#res = res;
    this.#rest = whole ? null : new Lingering(res, patience);
    rearm(res);
    // What the kernel did not take waits for the next write, and there is none.
    res.onWritable(() => {
      res.cork(() => undefined);
      rearm(res);
      return true;
    });
  }

  /** A piece of the body came. */
  heard(last: boolean): void {
    if (last) this.#rest?.over();
    else this.#rest?.heard();
    rearm(this.#res);
  }

  /** The connection is closed: it may not be touched any more. */
  closed(): void {
    this.#rest?.over();
  }
}
