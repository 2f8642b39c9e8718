/**
 * IP addresses as four 32-bit words, and sets of CIDR blocks over them (RFC 4632, RFC 4291). An IPv4
 * address lies in the last word; an IPv4-mapped IPv6 address (`::ffff:1.2.3.4`) is that IPv4 address
 * everywhere, so a dual-stack listener cannot be used to step around a rule.
 */

/** One block: all addresses whose first `prefix` bits are those of `words`. */
export interface Cidr {
  readonly family: 4 | 6;
  /** Big-endian; for IPv4 only the last word is used. Bits beyond the prefix are zero. */
  readonly words: readonly [number, number, number, number];
  /** Length in bits: 0 to 32 for IPv4, 0 to 128 for IPv6. */
  readonly prefix: number;
}

/** The address that was parsed last. One for all calls: parsing is synchronous and allocates nothing. */
const parsed = new Uint32Array(4);

/**
 * Reads `10.0.0.0/8`, `2001:db8::/32` or a plain address (a block of one). Host bits may be set and are
 * dropped. Null when the text is neither.
 */
export function parseCidr(text: string): Cidr | null {
  const slash = text.indexOf('/');
  const family = parseIp(slash < 0 ? text : text.slice(0, slash));
  if (family === 0) return null;
  const bits = family === 4 ? 32 : 128;
  // An IPv4 block may be written in mapped form: `::ffff:10.0.0.0/104` is `10.0.0.0/8`.
  const shift = family === 4 && text.indexOf(':') >= 0 ? 96 : 0;
  const prefix = slash < 0 ? bits : parsePrefix(text.slice(slash + 1)) - shift;
  if (!(prefix >= 0 && prefix <= bits)) return null;
  const word = (i: number): number => masked(parsed[i]!, prefix - (family === 4 ? 0 : i * 32));
  return family === 4
    ? { family, prefix, words: [0, 0, 0, word(3)] }
    : { family, prefix, words: [word(0), word(1), word(2), word(3)] };
}

/** A set of blocks that answers in logarithmic time. Immutable. */
export class CidrSet {
  readonly #v4: BlockTable;
  readonly #v6: BlockTable;

  /** @param list Blocks or addresses as text; throws when one is neither. */
  constructor(list: readonly string[]) {
    const blocks = list.map((text) => {
      const block = parseCidr(text);
      if (block === null) throw new Error(`${JSON.stringify(text)} is not an IP address or CIDR`);
      return block;
    });
    this.#v4 = new BlockTable(blocks.filter((block) => block.family === 4));
    this.#v6 = new BlockTable(blocks.filter((block) => block.family === 6));
  }

  /** Whether the address is in one of the blocks. Text that is no address is in none. */
  has(ip: string): boolean {
    const family = parseIp(ip);
    if (family === 0) return false;
    return family === 4 ? this.#v4.holdsV4() : this.#v6.holdsV6();
  }
}

/**
 * Blocks of one family, sorted by first address. Blocks are nested or disjoint, never overlapping in
 * part: with nested ones dropped, only the last block that begins at or before an address can hold it.
 */
class BlockTable {
  readonly #count: number;
  /** Four words a block: its first and its last address. */
  readonly #first: Uint32Array;
  readonly #last: Uint32Array;

  constructor(blocks: readonly Cidr[]) {
    const sorted = [...blocks].sort((a, b) => compare(a.words, 0, b.words) || a.prefix - b.prefix);
    const outer: Cidr[] = [];
    for (const block of sorted) {
      const before = outer.at(-1);
      if (before === undefined || compare(lastOf(before), 0, block.words) < 0) outer.push(block);
    }
    this.#count = outer.length;
    this.#first = Uint32Array.from(outer.flatMap((block) => [...block.words]));
    this.#last = Uint32Array.from(outer.flatMap(lastOf));
  }

  /** Whether `parsed` is in a block. IPv4 lies in one word, which is worth a search of its own. */
  holdsV4(): boolean {
    const ip = parsed[3]!;
    let low = 0;
    for (let high = this.#count; low < high;) {
      const middle = (low + high) >>> 1;
      if (this.#first[middle * 4 + 3]! <= ip) low = middle + 1;
      else high = middle;
    }
    return low > 0 && ip <= this.#last[low * 4 - 1]!;
  }

  holdsV6(): boolean {
    let low = 0;
    for (let high = this.#count; low < high;) {
      const middle = (low + high) >>> 1;
      if (compare(this.#first, middle * 4, parsed) <= 0) low = middle + 1;
      else high = middle;
    }
    return low > 0 && compare(this.#last, low * 4 - 4, parsed) >= 0;
  }
}

/**
 * The one text by which an address is known: IPv4 dotted, IPv6 as RFC 5952 wants it, IPv4-mapped IPv6
 * as IPv4. A zone (`%eth0`) is dropped. Null when the text is no address.
 */
export function normaliseIp(text: string): string | null {
  const family = parseIp(text);
  if (family === 0) return null;
  if (family === 6) return formatV6();
  if (text.indexOf(':') < 0) return text;
  const ip = parsed[3]!;
  return `${ip >>> 24}.${(ip >>> 16) & 255}.${(ip >>> 8) & 255}.${ip & 255}`;
}

/**
 * The text of the IPv6 block of `prefix` bits that an address lies in, which is how a client with many addresses is known
 * as one. IPv4 addresses, and text that is no address, stay as they are.
 */
export function networkOf(ip: string, prefix: number): string {
  if (ip.indexOf(':') < 0 || parseIp(ip) !== 6) return ip;
  for (let i = 0; i < 4; i++) parsed[i] = masked(parsed[i]!, prefix - i * 32);
  return formatV6();
}

/** RFC 5952 section 4: lower case, no leading zeros, the first of the longest runs of zero groups as `::`. */
function formatV6(): string {
  let runAt = -1;
  let runLength = 1;
  for (let i = 0; i < 8;) {
    let end = i;
    while (end < 8 && group(end) === 0) end++;
    if (end - i > runLength) {
      runAt = i;
      runLength = end - i;
    }
    i = end + 1;
  }
  let text = '';
  for (let i = 0; i < 8; i++) {
    if (i === runAt) {
      text += '::';
      i += runLength - 1;
      continue;
    }
    if (i > 0 && i !== runAt + runLength) text += ':';
    text += group(i).toString(16);
  }
  return text;
}

const group = (i: number): number => (parsed[i >> 1]! >>> (i & 1 ? 0 : 16)) & 0xffff;

/** Reads an address into `parsed`. 4 or 6 = its family, 0 = not an address. */
function parseIp(text: string): 0 | 4 | 6 {
  if (text.indexOf(':') < 0) return parseV4(text, 0, text.length) ? 4 : 0;
  const zone = text.indexOf('%');
  if (zone === text.length - 1) return 0;
  if (!parseV6(text, zone < 0 ? text.length : zone)) return 0;
  return parsed[0] === 0 && parsed[1] === 0 && parsed[2] === 0xffff ? 4 : 6;
}

/** Four decimal bytes without leading zeros (some readers take those for octal) into the last word. */
function parseV4(text: string, at: number, end: number): boolean {
  let ip = 0;
  let dots = 0;
  let byte = -1;
  for (let i = at; i < end; i++) {
    const code = text.charCodeAt(i);
    if (code === 0x2e) {
      if (byte < 0 || ++dots > 3) return false;
      ip = ip * 256 + byte;
      byte = -1;
      continue;
    }
    const digit = code - 0x30;
    if (digit < 0 || digit > 9 || byte === 0) return false;
    byte = byte < 0 ? digit : byte * 10 + digit;
    if (byte > 255) return false;
  }
  if (dots !== 3 || byte < 0) return false;
  parsed[3] = ip * 256 + byte;
  return true;
}

/** Groups of an IPv6 address, before they are laid into words. */
const groups = new Uint16Array(8);

/** RFC 4291 section 2.2: eight groups, at most one `::` for one or more zero groups, maybe an IPv4 tail. */
function parseV6(text: string, end: number): boolean {
  let count = 0;
  let gap = -1;
  let at = 0;
  if (text.startsWith('::')) {
    gap = 0;
    at = 2;
  }
  while (at < end) {
    if (count === 8) return false;
    let value = 0;
    let i = at;
    for (let digit: number; i < end && (digit = hex(text.charCodeAt(i))) >= 0; i++) {
      if (i - at === 4) return false;
      value = value * 16 + digit;
    }
    if (i < end && text.charCodeAt(i) === 0x2e) {
      if (count > 6 || !parseV4(text, at, end)) return false;
      groups[count++] = parsed[3]! >>> 16;
      groups[count++] = parsed[3]! & 0xffff;
      break;
    }
    if (i === at) return false;
    groups[count++] = value;
    if (i === end) break;
    if (text.charCodeAt(i) !== 0x3a || i + 1 === end) return false;
    at = i + 1;
    if (text.charCodeAt(at) !== 0x3a) continue;
    if (gap >= 0) return false;
    gap = count;
    at++;
  }
  return lay(count, gap);
}

/** Lays `count` groups into `parsed`, those after the gap at the end. */
function lay(count: number, gap: number): boolean {
  if (gap < 0 ? count !== 8 : count > 7) return false;
  const zeros = 8 - count;
  for (let i = 0; i < 4; i++) parsed[i] = laid(i * 2, gap, zeros) * 65536 + laid(i * 2 + 1, gap, zeros);
  return true;
}

function laid(i: number, gap: number, zeros: number): number {
  if (gap < 0 || i < gap) return groups[i]!;
  return i < gap + zeros ? 0 : groups[i - zeros]!;
}

/** Value of a hexadecimal digit, -1 = none. */
function hex(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const letter = code | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}

const parsePrefix = (text: string): number => (/^\d{1,3}$/.test(text) ? Number(text) : NaN);

/** The word with all but its first `bits` bits cleared. */
const masked = (word: number, bits: number): number =>
  bits <= 0 ? 0 : bits >= 32 ? word : (word & (-1 << (32 - bits))) >>> 0;

/** The last address of a block. */
function lastOf({ family, words, prefix }: Cidr): number[] {
  return words.map((word, i) => {
    const bits = family === 4 ? (i === 3 ? prefix : 32) : prefix - i * 32;
    return (word | ~masked(0xffffffff, bits)) >>> 0;
  });
}

/** Order of the four words of `a` from `at` on against those of `b`. */
function compare(a: ArrayLike<number>, at: number, b: ArrayLike<number>): number {
  for (let i = 0; i < 4; i++) {
    const x = a[at + i]!;
    const y = b[i]!;
    if (x !== y) return x < y ? -1 : 1;
  }
  return 0;
}
