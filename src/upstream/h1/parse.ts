import { EMPTY } from '../../contracts/transport.ts';
import { BlockHead } from '../../lib/reply-head.ts';
import { BAD, INCOMPLETE, LF } from './bytes.ts';
import { ChunkDecoder } from './chunked.ts';
import { HeadParser } from './head.ts';

const MAX_HEAD = 65_536;
/** A final reply must follow this many interim ones at the latest. */
const MAX_INTERIM = 32;

/** What the next byte belongs to. */
const HEAD = 0;
const SIZED = 1;
const CHUNKED = 2;
const UNTIL_CLOSE = 3;
const DONE = 4;

/**
 * Reads the replies of one connection. Each `feed` yields at most one head and one piece of body, left
 * in the fields below until the next call: a read costs no list, no closure and no string.
 */
export class ReplyReader {
  /** The final head, when it was completed by the last `feed`. */
  head: BlockHead | null = null;
  /** Body bytes of the last `feed`; a view of the bytes fed. */
  piece: Uint8Array = EMPTY;
  /** Whether the reply is complete. */
  done = false;
  /** Why the reply is bad; empty = it is not. For clients: no secrets. */
  wrong = '';
  /** Whether the connection may serve again once the reply is complete. */
  keepAlive = false;
  readonly #parser = new HeadParser();
  readonly #chunks = new ChunkDecoder();
  #mode = DONE;
  #left = 0;
  #bodyless = false;
  #interim = 0;
  /** A head that came in several reads. */
  #side: Buffer | null = null;
  #sideLength = 0;
  /** What lies behind a complete reply: bytes of the last `feed`, or null. */
  #rest: Buffer | null = null;
  #restAt = 0;
  #restEnd = 0;

  /** A reply is awaited; `bodyless`: to a HEAD request, so that it has a head only. */
  expect(bodyless: boolean): void {
    this.#expectAt(0, bodyless);
  }

  /** As `expect`, and then reads what the last `feed` had left over, if anything: the beginning of that reply. */
  feedRest(bodyless: boolean): void {
    const bytes = this.#rest;
    this.#expectAt(bytes === null ? 0 : this.#restAt, bodyless);
    this.head = null;
    this.piece = EMPTY;
    if (bytes !== null) this.#head(bytes, this.#restEnd);
  }

  /** Whether the last `feed` had bytes behind the reply. */
  get hasRest(): boolean {
    return this.#rest !== null;
  }

  #expectAt(at: number, bodyless: boolean): void {
    this.#rest = null;
    this.#mode = HEAD;
    this.#bodyless = bodyless;
    this.#interim = 0;
    this.#side = null;
    this.done = this.keepAlive = false;
    this.wrong = '';
    this.#parser.begin(at);
  }

  /** Milliseconds that the upstream lets the connection idle; Infinity = it did not say. */
  get keepAliveMs(): number {
    return this.#parser.keepAliveMs;
  }

  /** Whether the final head has been read. */
  get inBody(): boolean {
    return this.#mode !== HEAD;
  }

  /** Whether the end of the connection is the end of the body. */
  get untilClose(): boolean {
    return this.#mode === UNTIL_CLOSE;
  }

  /** Takes the bytes of one read, `bytes[0..end)`; they may be changed in place. */
  feed(bytes: Buffer, end: number): void {
    this.head = null;
    this.piece = EMPTY;
    if (this.#mode !== HEAD) this.#body(bytes, 0, end);
    else if (this.#side === null) this.#head(bytes, end);
    else this.#gather(bytes, end);
  }

  #bad(why: string): void {
    this.wrong = why;
  }

  /** Adds a read to a head that is incomplete. Without a new line end there is nothing to look at again. */
  #gather(bytes: Buffer, end: number): void {
    const length = this.#sideLength + end;
    let side = this.#side!;
    if (length > side.length) {
      side = Buffer.allocUnsafe(length * 2);
      this.#side!.copy(side, 0, 0, this.#sideLength);
      this.#side = side;
    }
    bytes.copy(side, this.#sideLength, 0, end);
    this.#sideLength = length;
    if (bytes.subarray(0, end).includes(LF)) this.#head(side, length);
    else if (length > MAX_HEAD) this.#bad('its head is too large');
  }

  #head(bytes: Buffer, end: number): void {
    const parser = this.#parser;
    for (;;) {
      const next = parser.parse(bytes, end);
      if (next === BAD) return this.#bad(parser.wrong);
      if ((next < 0 ? end : next) - parser.start > MAX_HEAD) return this.#bad('its head is too large');
      if (next === INCOMPLETE) return this.#keep(bytes, end);
      if (parser.status >= 200) {
        this.#side = null;
        return this.#frame(bytes, next, end);
      }
      if (parser.status === 101) return this.#bad('it switches protocols unasked');
      if (++this.#interim > MAX_INTERIM) return this.#bad('it has too many interim replies');
      parser.begin(next);
    }
  }

  /** Keeps an incomplete head for the next read. */
  #keep(bytes: Buffer, end: number): void {
    const start = this.#parser.start;
    if (bytes === this.#side && start === 0) return;
    const side = Buffer.allocUnsafe(Math.max(4096, (end - start) * 2));
    bytes.copy(side, 0, start, end);
    this.#parser.shift(start);
    this.#side = side;
    this.#sideLength = end - start;
  }

  /** Decides how the body ends (RFC 9112 section 6.3) and reads what has come of it. */
  #frame(bytes: Buffer, at: number, end: number): void {
    const { status, length, chunked, keepAlive, blockStart, blockEnd, initials } = this.#parser;
    const none = this.#bodyless || status === 204 || status === 304;
    this.keepAlive = keepAlive;
    if (none || length === 0) this.#mode = DONE;
    else if (chunked) {
      this.#mode = CHUNKED;
      this.#chunks.begin();
    } else if (length > 0) {
      this.#mode = SIZED;
      this.#left = length;
    } else {
      this.#mode = UNTIL_CLOSE;
      this.keepAlive = false;
    }
    this.#body(bytes, at, end);
    if (this.wrong === '')
      this.head = new BlockHead(status, status === 204 ? -1 : length, bytes, blockStart, blockEnd, initials);
  }

  #body(bytes: Buffer, at: number, end: number): void {
    switch (this.#mode) {
      case SIZED: {
        const stop = Math.min(end, at + this.#left);
        this.#left -= stop - at;
        if (stop > at) this.piece = view(bytes, at, stop);
        if (this.#left === 0) this.#finish(bytes, stop, end);
        return;
      }
      case CHUNKED: {
        const next = this.#chunks.decode(bytes, at, end);
        if (next === BAD) return this.#bad('its chunked framing is broken');
        if (this.#chunks.pieceEnd > at) this.piece = view(bytes, at, this.#chunks.pieceEnd);
        if (next !== INCOMPLETE) this.#finish(bytes, next, end);
        return;
      }
      case UNTIL_CLOSE:
        if (end > at) this.piece = view(bytes, at, end);
        return;
      default:
        this.#finish(bytes, at, end);
    }
  }

  #finish(bytes: Buffer, at: number, end: number): void {
    this.#mode = DONE;
    this.done = true;
    if (at === end) return;
    this.#rest = bytes;
    this.#restAt = at;
    this.#restEnd = end;
  }
}

// `subarray` costs three times as much as the constructor.
const view = (bytes: Buffer, from: number, to: number): Uint8Array =>
  new Uint8Array(bytes.buffer, bytes.byteOffset + from, to - from);
