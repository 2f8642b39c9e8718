import { initialBit } from '../../lib/reply-head.ts';
import { skipPrintable } from '../../lib/words.ts';
import { BAD, COLON, COMMA, CR, INCOMPLETE, isWord, LF, SPACE, TAB, TOKEN, VALUE, word } from './bytes.ts';
import { classify, CONNECTION, CONTENT_LENGTH, KEEP, KEEP_ALIVE, TRANSFER_ENCODING } from './names.ts';

const MAX_FIELDS = 256;
const HTTP_1 = word('HTTP/1.');
const CHUNKED = word('chunked');
const CLOSE = word('close');
const PERSIST = word('keep-alive');
const TIMEOUT = word('timeout=');
const SECOND = 1000;
const NOTHING = new DataView(new ArrayBuffer(0));

/**
 * Reads one reply head (RFC 9112 sections 4 to 6) from bytes, strictly, and squeezes out in place the
 * lines that do not go on to the client. It may be fed a growing buffer: finished lines are never read
 * again. Every offset is relative to the buffer given; `shift` follows when the bytes move.
 */
export class HeadParser {
  status = 0;
  /** Announced body length in bytes; -1 = none announced. */
  length = -1;
  chunked = false;
  /** Whether the connection may carry another request after this reply. */
  keepAlive = false;
  /** How long the upstream keeps an idle connection, less a second for the way, in ms; Infinity = it did not say. */
  keepAliveMs = Infinity;
  /** Where the head began. */
  start = 0;
  /** The kept lines. */
  blockStart = 0;
  blockEnd = 0;
  /** A bit for each initial that a kept name has, see `initialBit`. */
  initials = 0;
  /** Why the last `parse` answered BAD. */
  wrong = '';
  /** First byte of the line to read next. */
  #at = 0;
  /** Lines from here to `#at` are kept and not yet moved down. */
  #keepFrom = 0;
  /** The buffer that was read last, and a view of the same memory. */
  #bytes: Uint8Array | null = null;
  #view: DataView = NOTHING;
  #fields = -1;
  #minor = 0;
  #close = false;
  #persist = false;
  /** Names listed in Connection beyond the usual two. */
  #listed: Set<string> | null = null;

  /** A new head begins at `at`. */
  begin(at: number): void {
    this.length = -1;
    this.chunked = this.#close = this.#persist = false;
    this.keepAliveMs = Infinity;
    this.start = this.#at = at;
    this.#fields = -1;
    this.initials = 0;
    this.#listed = null;
  }

  /** The bytes have been moved `by` bytes down. */
  shift(by: number): void {
    this.start -= by;
    this.blockStart -= by;
    this.blockEnd -= by;
    this.#at -= by;
    this.#keepFrom -= by;
  }

  /** Reads on; answers the offset behind the head, INCOMPLETE or BAD. */
  parse(bytes: Uint8Array, end: number): number {
    if (this.#bytes !== bytes) {
      this.#bytes = bytes;
      this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    }
    if (this.#fields < 0) {
      const next = this.#statusLine(bytes, this.#at, end);
      if (next < 0) return next;
      this.#at = this.#keepFrom = this.blockStart = this.blockEnd = next;
      this.#fields = 0;
    }
    return this.#fieldLines(bytes, end);
  }

  /** The loop that every byte of a reply head goes through: locals only, nothing is stored for a line that stays. */
  #fieldLines(bytes: Uint8Array, end: number): number {
    let fields = this.#fields;
    for (let at = this.#at; ;) {
      this.#at = at;
      this.#fields = fields;
      if (at >= end) return INCOMPLETE;
      if (bytes[at] === CR) return this.#blankLine(bytes, at, end);
      let colon = at;
      while (colon < end && TOKEN[bytes[colon]!] === 1) colon++;
      if (colon === end) return INCOMPLETE;
      if (bytes[colon] !== COLON || colon === at) return this.#bad('a field name is malformed');
      const next = this.#lineEnd(bytes, colon + 1, end);
      if (next < 0) return next;
      if (++fields > MAX_FIELDS) return this.#bad('it has too many fields');
      const kind = classify(bytes, at, colon);
      if (kind === KEEP) this.initials |= initialBit(bytes[at]!);
      else {
        this.#moveKept(bytes, at, next);
        if (!this.#heed(kind, bytes, colon + 1, next - 2)) return BAD;
      }
      at = next;
    }
  }

  #bad(why: string): number {
    this.wrong = why;
    return BAD;
  }

  #statusLine(bytes: Uint8Array, at: number, end: number): number {
    let status = 0;
    // `HTTP/1.`, a version digit, a space, three digits of status, then a space or the end of the line.
    for (let i = 0; i < 13; i++) {
      if (at + i >= end) return INCOMPLETE;
      const byte = bytes[at + i]!;
      const digit = byte - 0x30;
      if (i < 7) {
        if (byte !== HTTP_1[i]) return this.#bad('it is not HTTP/1');
      } else if (i === 7 && (digit === 0 || digit === 1)) this.#minor = digit;
      else if (i > 8 && i < 12 && digit >= 0 && digit <= 9) status = status * 10 + digit;
      else if (!(i === 8 && byte === SPACE) && !(i === 12 && (byte === SPACE || byte === CR)))
        return this.#bad('its status line is malformed');
    }
    if (status < 100 || status > 599) return this.#bad('its status is out of range');
    this.status = status;
    return this.#lineEnd(bytes, at + 12, end);
  }

  /** Skips the rest of a line made of value bytes; answers the offset behind its CRLF. */
  #lineEnd(bytes: Uint8Array, at: number, end: number): number {
    let i = skipPrintable(this.#view, at, end);
    while (i < end && VALUE[bytes[i]!] === 1) i++;
    if (i < end && bytes[i] !== CR) return this.#bad('a line has a control character');
    if (i + 1 >= end) return INCOMPLETE;
    return bytes[i + 1] === LF ? i + 2 : this.#bad('a line has a bare CR');
  }

  /** Moves the kept lines before `at` down to the block; reading goes on at `next`. */
  #moveKept(bytes: Uint8Array, at: number, next: number): void {
    const from = this.#keepFrom;
    if (from !== this.blockEnd && from !== at) bytes.copyWithin(this.blockEnd, from, at);
    this.blockEnd += at - from;
    this.#keepFrom = next;
  }

  /** Takes in a field that rules framing or connection; false = the head is bad. */
  #heed(kind: number, bytes: Uint8Array, from: number, to: number): boolean {
    let at = from;
    let end = to;
    while (at < end && (bytes[at] === SPACE || bytes[at] === TAB)) at++;
    while (end > at && (bytes[end - 1] === SPACE || bytes[end - 1] === TAB)) end--;
    switch (kind) {
      case CONTENT_LENGTH:
        return this.#contentLength(bytes, at, end);
      case TRANSFER_ENCODING:
        if (!this.chunked && isWord(bytes, at, end, CHUNKED)) return (this.chunked = true);
        this.wrong = 'its Transfer-Encoding is not plain chunked';
        return false;
      case CONNECTION:
        this.#connection(bytes, at, end);
        return true;
      case KEEP_ALIVE:
        this.#keepAliveHint(bytes, at, end);
        return true;
      default:
        return true;
    }
  }

  #contentLength(bytes: Uint8Array, at: number, end: number): boolean {
    let length = end > at && end - at <= 15 ? 0 : -1;
    for (let i = at; i < end && length >= 0; i++) {
      const digit = bytes[i]! - 0x30;
      length = digit >= 0 && digit <= 9 ? length * 10 + digit : -1;
    }
    const agrees = this.length < 0 || this.length === length;
    this.length = length;
    if (length >= 0 && agrees) return true;
    this.wrong = length < 0 ? 'its Content-Length is malformed' : 'its Content-Lengths differ';
    return false;
  }

  #connection(bytes: Uint8Array, from: number, end: number): void {
    for (let at = from; at < end;) {
      let comma = at;
      while (comma < end && bytes[comma] !== COMMA) comma++;
      let stop = comma;
      while (at < stop && (bytes[at] === SPACE || bytes[at] === TAB)) at++;
      while (stop > at && (bytes[stop - 1] === SPACE || bytes[stop - 1] === TAB)) stop--;
      if (isWord(bytes, at, stop, CLOSE)) this.#close = true;
      else if (isWord(bytes, at, stop, PERSIST)) this.#persist = true;
      else if (stop > at) (this.#listed ??= new Set()).add(lowerText(bytes, at, stop));
      at = comma + 1;
    }
  }

  #keepAliveHint(bytes: Uint8Array, from: number, end: number): void {
    let at = from;
    while (at < end && !isWord(bytes, at, at + TIMEOUT.length, TIMEOUT)) at++;
    let seconds = 0;
    let digits = 0;
    for (let i = at + TIMEOUT.length; i < end && digits < 6; i++, digits++) {
      const digit = bytes[i]! - 0x30;
      if (digit < 0 || digit > 9) break;
      seconds = seconds * 10 + digit;
    }
    if (digits > 0) this.keepAliveMs = (seconds - 1) * SECOND;
  }

  #blankLine(bytes: Uint8Array, at: number, end: number): number {
    if (at + 1 >= end) return INCOMPLETE;
    if (bytes[at + 1] !== LF) return this.#bad('a line has a bare CR');
    if (this.chunked && (this.length >= 0 || this.#minor === 0))
      return this.#bad('its framing is ambiguous: Transfer-Encoding beside Content-Length or in HTTP/1.0');
    this.#moveKept(bytes, at, at);
    if (this.#listed !== null) this.#dropListed(bytes, this.#listed);
    this.keepAlive = !this.#close && (this.#minor === 1 || this.#persist) && this.keepAliveMs > 0;
    return at + 2;
  }

  /** Drops the lines whose names Connection lists; a second walk, because it may stand below them. */
  #dropListed(bytes: Uint8Array, listed: Set<string>): void {
    const end = this.blockEnd;
    let out = this.blockStart;
    for (let at = out; at < end;) {
      const next = bytes.indexOf(LF, at) + 1;
      if (!listed.has(lowerText(bytes, at, bytes.indexOf(COLON, at)))) {
        bytes.copyWithin(out, at, next);
        out += next - at;
      }
      at = next;
    }
    this.blockEnd = out;
  }
}

const lowerText = (bytes: Uint8Array, at: number, end: number): string =>
  String.fromCharCode(...bytes.subarray(at, Math.min(end, at + 1024))).toLowerCase();
