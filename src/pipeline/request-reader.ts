import { skipLong } from '../lib/words.ts';
import type { Exchange, LineSource } from './exchange.ts';
import { type Field, fieldOf } from './field-kind.ts';
import type { Received } from './received.ts';

const CR = 13;
const LF = 10;
const SPACE = 32;
const SLASH = 47;
const COLON = 58;
const QUESTION = 63;
const VERSION = Buffer.from(' HTTP/1.1\r\n', 'latin1');

/** More fields than any edge lets through. */
const PLACES = 128;

/** Of a line that is not kept. */
const DROPPED = -1;
const NONE: string[] = [];

/**
 * Reads a request head (RFC 9112 sections 3 and 5) where the network has put it, without a string for each name and value.
 * Only after the addon's parser, which has found that the head is whole, that names are tokens, and that no value has a
 * control character but tab. It reads heads of the plain form, as nearly all are: `name: value`, names in lower case, one
 * space before each value and none behind it, printable ASCII. Any other is left to who has a slower way.
 */
export class RequestReader implements Received, LineSource {
  readonly ascii = true;
  count = 0;
  /** The offset behind the head. */
  end = 0;
  readonly #bytes: Buffer;
  /** The same memory. */
  readonly #view: DataView;
  /** What stood at each place of the last request: most carry what the one before carried. */
  readonly #fields: Field[] = [];
  /** The short values that were asked for at each place: most are what they were. */
  readonly #values: string[] = [];
  /** Where the lines of the fields begin, and where they end: at their CR. */
  readonly #starts = new Int32Array(PLACES);
  readonly #ends = new Int32Array(PLACES);
  #at = 0;
  #question = 0;
  #targetEnd = 0;
  /** The path of the last request: the next may have the same. */
  #path = '';
  /** The runs of lines that are kept, two numbers each: from the CR before it to that behind it. */
  readonly #runs = new Int32Array(2 * PLACES);
  #runsEnd = 0;
  /** The text of the kept lines of the last request, once somebody has wanted it. */
  #text = '';

  /** @param memory Where heads lie; its bytes may change when the exchange that took the lines has settled them. */
  constructor(memory: ArrayBuffer) {
    this.#bytes = Buffer.from(memory);
    this.#view = new DataView(memory);
  }

  /** Reads the head whose target begins at `at`; false = it is not of the plain form. The values lie where they are. */
  read(at: number): boolean {
    const fields = this.#target(at);
    if (fields === 0 || !this.#lines(fields)) return false;
    this.#at = at;
    return true;
  }

  get path(): string {
    return (this.#path = this.#textAt(this.#at, this.#question, this.#path));
  }

  get query(): string {
    const from = this.#question + 1;
    return from > this.#targetEnd ? '' : this.#bytes.toString('latin1', from, this.#targetEnd);
  }

  field(index: number): Field {
    return this.#fields[index]!;
  }

  value(index: number): string {
    // Behind the colon and one space.
    const from = this.#starts[index]! + this.#fields[index]!.name.length + 2;
    const to = this.#ends[index]!;
    const last = index < this.#values.length ? this.#values[index]! : '';
    const value = this.#textAt(from, to, last);
    if (value !== last && index <= this.#values.length && value.length <= SHORT) this.#values[index] = value;
    return value;
  }

  /** The text of `[from..to)`; `last` is what may stand there again. */
  #textAt(from: number, to: number, last: string): string {
    const known = last.length === to - from && last.length <= SHORT && isSame(this.#bytes, from, last);
    return known ? last : this.#bytes.toString('latin1', from, to);
  }

  keep(index: number): void {
    const from = this.#starts[index]! - 2;
    const runs = this.#runs;
    if (this.#runsEnd === 0 || runs[this.#runsEnd - 1] !== from) {
      runs[this.#runsEnd] = from;
      this.#runsEnd += 2;
    }
    runs[this.#runsEnd - 1] = this.#ends[index]!;
  }

  give(x: Exchange): void {
    x.takeLines(this);
  }

  /** What was kept of the request read last. */
  lines(): string {
    return this.#text === '' ? (this.#text = this.#join()) : this.#text;
  }

  /** Cut out of that text: to look through it for the name would cost twice what all the rest does. */
  values(name: string): readonly string[] {
    let values = NONE;
    for (let i = 0; i < this.count; i++) {
      const known = this.#fields[i]!.name;
      if (known.length !== name.length || known !== name) continue;
      const shift = this.#shiftOf(this.#starts[i]!);
      if (shift === DROPPED) continue;
      const value = this.lines().slice(this.#starts[i]! + name.length + 2 - shift, this.#ends[i]! - shift);
      if (values === NONE) values = [value];
      else values.push(value);
    }
    return values;
  }

  /** How far behind its place in the text of the kept lines the line at `start` lies. */
  #shiftOf(start: number): number {
    const runs = this.#runs;
    let length = 0;
    for (let i = 0; i < this.#runsEnd; i += 2) {
      const from = runs[i]!;
      const to = runs[i + 1]!;
      if (start < to) return start > from ? from - length : DROPPED;
      length += to - from;
    }
    return DROPPED;
  }

  /** One text, or pieces of one. */
  #join(): string {
    const runs = this.#runs;
    const end = this.#runsEnd;
    if (end === 0) return '';
    const start = runs[0]!;
    const text = this.#bytes.toString('latin1', start, runs[end - 1]);
    if (end === 2) return text;
    let kept = '';
    for (let i = 0; i < end; i += 2) kept += text.slice(runs[i]! - start, runs[i + 1]! - start);
    return kept;
  }

  /** Reads the target and the version; answers where the fields begin, 0 = not of the plain form. */
  #target(at: number): number {
    const bytes = this.#bytes;
    if (bytes[at] !== SLASH) return 0;
    let question = -1;
    let end = at + 1;
    for (; end < bytes.length && isGraphic(bytes[end]!); end++)
      if (bytes[end] === QUESTION && question < 0) question = end;
    for (let i = 0; i < VERSION.length; i++) if (bytes[end + i] !== VERSION[i]) return 0;
    this.#targetEnd = end;
    this.#question = question < 0 ? end : question;
    return end + VERSION.length;
  }

  /** The loop that every byte of a head goes through. */
  #lines(from: number): boolean {
    const bytes = this.#bytes;
    const limit = bytes.length;
    let count = 0;
    let at = from;
    for (; bytes[at] !== CR; count++) {
      const length = count === PLACES ? 0 : this.#name(at, count);
      if (length === 0) return false;
      const value = at + length + 2;
      const end = skipLong(this.#view, value, limit);
      if (end <= value || bytes[end] !== CR || bytes[end + 1] !== LF) return false;
      if (bytes[value]! <= SPACE || bytes[end - 1]! <= SPACE) return false;
      this.#starts[count] = at;
      this.#ends[count] = end;
      at = end + 2;
    }
    this.count = count;
    this.end = at + 2;
    this.#runsEnd = 0;
    this.#text = '';
    return bytes[at + 1] === LF;
  }

  /** Length of the name of the field that begins at `at`, behind which are colon and space; 0 = not of the plain form. */
  #name(at: number, index: number): number {
    const bytes = this.#bytes;
    const fields = this.#fields;
    if (index < fields.length) {
      const { start, name } = fields[index]!;
      if (start.isAt(this.#view, at, bytes.length)) return name.length;
    }
    let colon = at;
    while (isNameByte(bytes[colon]!)) colon++;
    if (colon === at || bytes[colon] !== COLON || bytes[colon + 1] !== SPACE) return 0;
    fields[index] = fieldOf(bytes.toString('latin1', at, colon));
    return colon - at;
  }
}

/** Longer values are not compared with those of the last request. */
const SHORT = 64;

function isSame(bytes: Uint8Array, at: number, value: string): boolean {
  for (let i = 0; i < value.length; i++) if (bytes[at + i] !== value.charCodeAt(i)) return false;
  return true;
}

/** Printable ASCII but the space. */
const isGraphic = (byte: number): boolean => (byte - 0x21) >>> 0 < 0x5e;

/** 1 for bytes of a token (RFC 9110 section 5.6.2) without upper-case letters. */
const NAME_BYTES = Uint8Array.from({ length: 256 }, (_, byte) =>
  /[!#$%&'*+\-.^_`|~0-9a-z]/.test(String.fromCharCode(byte)) ? 1 : 0,
);
const isNameByte = (byte: number): boolean => NAME_BYTES[byte] === 1;
