import { BAD, CR, INCOMPLETE, LF, SEMICOLON, VALUE } from './bytes.ts';

const MAX_SIZE_DIGITS = 15;
const MAX_EXTENSION = 1024;
const MAX_TRAILERS = 16_384;

/** Where in the message the next byte stands. */
const SIZE = 0;
const EXTENSION = 1;
const SIZE_LF = 2;
const DATA = 3;
const DATA_CR = 4;
const DATA_LF = 5;
const TRAILER_START = 6;
const TRAILER = 7;
const TRAILER_LF = 8;
const END_LF = 9;

/**
 * Takes the chunked framing (RFC 9112 section 7.1) off a body, strictly. Extensions and trailers are
 * checked, bounded and dropped: nobody behind a gateway that re-frames can rely on them.
 */
export class ChunkDecoder {
  /** The data of the last `decode` are `bytes[at..pieceEnd)`, moved together in place. */
  pieceEnd = 0;
  #state = SIZE;
  /** Bytes of the chunk that are still to come. */
  #left = 0;
  /** Digits, or bytes of extension or trailers, seen so far. */
  #count = 0;

  begin(): void {
    this.#state = SIZE;
    this.#left = this.#count = 0;
  }

  /**
   * Decodes `bytes[at..end)`; the data end up together at `at`. Answers the offset behind the message
   * when it ends here, INCOMPLETE when more must come, BAD when the framing is broken.
   */
  decode(bytes: Uint8Array, at: number, end: number): number {
    this.pieceEnd = at;
    for (let i = at; i < end;) {
      if (this.#state === DATA) {
        i = this.#data(bytes, i, end);
        continue;
      }
      const byte = bytes[i++]!;
      if (this.#state === END_LF) return byte === LF ? i : BAD;
      if (this.#state <= SIZE_LF ? !this.#sizeLine(byte) : !this.#line(byte)) return BAD;
    }
    return INCOMPLETE;
  }

  #data(bytes: Uint8Array, at: number, end: number): number {
    const length = Math.min(this.#left, end - at);
    if (this.pieceEnd !== at) bytes.copyWithin(this.pieceEnd, at, at + length);
    this.pieceEnd += length;
    this.#left -= length;
    if (this.#left === 0) this.#state = DATA_CR;
    return at + length;
  }

  #sizeLine(byte: number): boolean {
    if (this.#state === SIZE) {
      const digit = hexDigit(byte);
      if (digit >= 0) {
        this.#left = this.#left * 16 + digit;
        return ++this.#count <= MAX_SIZE_DIGITS && this.#left <= Number.MAX_SAFE_INTEGER;
      }
      if (this.#count === 0) return false;
      this.#count = 0;
      this.#state = byte === CR ? SIZE_LF : EXTENSION;
      return byte === CR || byte === SEMICOLON;
    }
    if (this.#state === EXTENSION) {
      if (byte === CR) this.#state = SIZE_LF;
      return byte === CR || (VALUE[byte] === 1 && ++this.#count <= MAX_EXTENSION);
    }
    this.#count = 0;
    this.#state = this.#left > 0 ? DATA : TRAILER_START;
    return byte === LF;
  }

  #line(byte: number): boolean {
    switch (this.#state) {
      case DATA_CR:
        this.#state = DATA_LF;
        return byte === CR;
      case DATA_LF:
        this.#state = SIZE;
        return byte === LF;
      case TRAILER_LF:
        this.#state = TRAILER_START;
        return byte === LF;
      default:
        if (byte === CR) {
          this.#state = this.#state === TRAILER_START ? END_LF : TRAILER_LF;
          return true;
        }
        this.#state = TRAILER;
        return VALUE[byte] === 1 && ++this.#count <= MAX_TRAILERS;
    }
  }
}

function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const letter = byte | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}
