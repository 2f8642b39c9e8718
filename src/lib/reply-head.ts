import type { Block, Headers, ReplyHead } from '../contracts/http.ts';
import { isFieldValue, isToken } from './fields.ts';
import { statusLine } from './status.ts';

const LF = 10;
const COLON = 58;

/** One of 32 bits for the first letter of a name, the same in either case; names of different bits differ. */
export const initialBit = (byte: number): number => 1 << (byte & 31);
/** Any initial may occur. */
const ALL = -1;

/**
 * A reply head over checked bytes. The fields stay the bytes that the upstream sent: a policy that reads or
 * changes one costs a scan and at most one copy, and where none does, the block goes out as it came.
 */
export class BlockHead implements ReplyHead, Block {
  readonly status: number;
  readonly length: number;
  opening: Uint8Array | null = null;
  bytes: Uint8Array;
  from: number;
  to: number;
  lines = '';
  /** Fields that were added and are not in the block yet. */
  #added = '';
  /** A name whose initial is not among these is not in the block. */
  #initials: number;

  /** The block is `bytes[from..to)`; `initials`: what the names in it begin with, see `initialBit`. */
  constructor(
    status: number,
    length: number,
    bytes: Uint8Array,
    from = 0,
    to = bytes.length,
    initials = ALL,
  ) {
    this.status = status;
    this.length = length;
    this.bytes = bytes;
    this.from = from;
    this.to = to;
    this.#initials = initials;
  }

  block(): Block {
    if (this.lines !== '') {
      this.#added += this.lines;
      this.lines = '';
    }
    return this.apart();
  }

  apart(): Block {
    if (this.#added !== '') {
      this.#replace(append(this.#view(), this.#added));
      this.#added = '';
      this.#initials = ALL;
    }
    return this;
  }

  keep(): void {
    this.block();
    this.#replace(new Uint8Array(this.#view()));
  }

  keepAt(memory: Buffer, at: number): number {
    const { bytes, from, to } = this.apart();
    memory.set(new Uint8Array(bytes.buffer, bytes.byteOffset + from, to - from), at);
    let end = at + to - from;
    if (this.lines !== '') {
      end += memory.write(this.lines, end, 'latin1');
      this.lines = '';
      this.opening = null;
      this.#initials = ALL;
    }
    this.bytes = memory;
    this.from = at;
    return (this.to = end);
  }

  get(name: string): string | undefined {
    const { bytes } = this.block();
    const at = findField(this, name, this.from);
    if (at < 0) return undefined;
    const value = at + name.length + 1;
    const text = Buffer.from(bytes.buffer, bytes.byteOffset + value, bytes.indexOf(LF, value) - 1 - value);
    return trimmed(text.toString('latin1'));
  }

  set(name: string, value: string): void {
    check(name, value);
    this.remove(name);
    this.#added += `${name}: ${value}\r\n`;
  }

  add(name: string, value: string): void {
    check(name, value);
    this.#added += `${name}: ${value}\r\n`;
  }

  remove(name: string): void {
    this.block();
    for (let at = findField(this, name, this.from); at >= 0; at = findField(this, name, this.from)) {
      // Copied, never moved in place: the same block may serve every reply of a route.
      const { bytes, from, to } = this;
      const rest = bytes.indexOf(LF, at) + 1;
      const shorter = new Uint8Array(to - from - (rest - at));
      shorter.set(bytes.subarray(from, at));
      shorter.set(bytes.subarray(rest, to), at - from);
      this.#replace(shorter);
    }
  }

  replace(names: readonly string[], lines: string): void {
    this.block();
    if ((this.#initials & initialsOf(names)) !== 0 && holdsAny(this, names))
      for (const name of names) this.remove(name);
    this.lines = lines;
  }

  #view(): Uint8Array {
    return this.bytes.subarray(this.from, this.to);
  }

  #replace(bytes: Uint8Array): void {
    this.bytes = bytes;
    this.from = 0;
    this.to = bytes.length;
    this.opening = null;
  }
}

/** Where the line of a field begins, looking from the line that begins at `start`; -1 = nowhere. */
function findField({ bytes, to }: Block, name: string, start: number): number {
  for (let at = start; at < to;) {
    if (bytes[at + name.length] === COLON && isNamed(bytes, at, name)) return at;
    while (bytes[at] !== LF) at++;
    at++;
  }
  return -1;
}

function initialsOf(names: readonly string[]): number {
  let bits = 0;
  for (let i = 0; i < names.length; i++) bits |= initialBit(names[i]!.charCodeAt(0));
  return bits;
}

/** Whether there is a field of one of these names. */
function holdsAny({ bytes, from, to }: Block, names: readonly string[]): boolean {
  for (let at = from; at < to;) {
    for (let i = 0; i < names.length; i++) {
      const name = names[i]!;
      if (bytes[at + name.length] === COLON && isNamed(bytes, at, name)) return true;
    }
    while (bytes[at] !== LF) at++;
    at++;
  }
  return false;
}

function isNamed(block: Uint8Array, at: number, name: string): boolean {
  for (let i = 0; i < name.length; i++) {
    const byte = block[at + i]!;
    const lower = byte >= 65 && byte <= 90 ? byte + 32 : byte;
    if (lower !== name.charCodeAt(i)) return false;
  }
  return true;
}

function check(name: string, value: string): void {
  if (!isToken(name) || !isFieldValue(value))
    throw new Error(`reply field ${JSON.stringify(name)} cannot be sent`);
}

const BEYOND_LATIN1 = /[^\x00-\xff]/;

/** Values are byte strings (latin1); text beyond it goes out as UTF-8. */
const encodeText = (text: string): Buffer => Buffer.from(text, BEYOND_LATIN1.test(text) ? 'utf8' : 'latin1');

function append(block: Uint8Array, text: string): Uint8Array {
  const utf8 = BEYOND_LATIN1.test(text);
  const joined = Buffer.allocUnsafe(block.length + (utf8 ? Buffer.byteLength(text) : text.length));
  joined.set(block);
  joined.write(text, block.length, utf8 ? 'utf8' : 'latin1');
  return joined;
}

/** `name: value\r\n…` as bytes, from checked fields. */
export function encodeBlock(list: Headers): Uint8Array {
  let text = '';
  for (let i = 0; i < list.length; i += 2) text += `${list[i]!}: ${list[i + 1]!}\r\n`;
  return encodeText(text);
}

/** `Reply.opening` of such a block. */
export const encodeOpening = (status: number, block: Uint8Array): Uint8Array =>
  Buffer.concat([Buffer.from(`${statusLine(status)}\r\n`, 'latin1'), block]).subarray(0, -2);

/** Without the spaces and tabs around it; `trim` would take 0xa0 too, with which many a UTF-8 sequence ends. */
const trimmed = (value: string): string => value.replace(/^[ \t]+|[ \t]+$/g, '');

/** The fields of a checked block, names in lower case, values as byte strings (latin1). */
export function decodeBlock({ bytes, from, to }: Block): Headers {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset + from, to - from).toString('latin1');
  const list: Headers = [];
  for (let at = 0; at < text.length;) {
    const end = text.indexOf('\r\n', at);
    const colon = text.indexOf(':', at);
    list.push(text.slice(at, colon).toLowerCase(), trimmed(text.slice(colon + 1, end)));
    at = end + 2;
  }
  return list;
}
