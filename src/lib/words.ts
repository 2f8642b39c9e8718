/**
 * Bytes looked at four or more at a time, wherever they lie: V8 checks each access to a buffer anew, which costs more than the look.
 */

/** The top bit of each of four bytes, and other numbers that have the same in each. */
const TOPS = 0x80808080 | 0;
const SPACES = 0x20202020;
const ONES = 0x01010101;

/** Skips printable ASCII, which nearly all of a field's value is; answers the offset of the first other byte, or `end`. */
export function skipPrintable(view: DataView, at: number, end: number): number {
  let i = at;
  for (const last = end - 3; i < last; i += 4) {
    const found = others(view.getInt32(i, true)) & TOPS;
    if (found !== 0) return i + ((31 - Math.clz32(found & -found)) >> 3);
  }
  while (i < end && isPrintable(view.getUint8(i))) i++;
  return i;
}

/** As `skipPrintable`, for what may be long: sixteen bytes at a time. */
export function skipLong(view: DataView, at: number, end: number): number {
  let i = at;
  for (const last = end - 15; i < last; i += 16) {
    const a = others(view.getInt32(i, true));
    const b = others(view.getInt32(i + 4, true));
    const c = others(view.getInt32(i + 8, true));
    const d = others(view.getInt32(i + 12, true));
    if (((a | b | c | d) & TOPS) !== 0) break;
  }
  return skipPrintable(view, i, end);
}

/**
 * The top bit of each byte tells whether it is none of the printable: to take 0x20 from a control sets it, and so does to
 * add 1 to DEL; others than ASCII have it. What is borrowed or carried gets no further than the first byte that is found.
 */
const others = (word: number): number => (word - SPACES) | (word + ONES) | word;

const isPrintable = (byte: number): boolean => (byte - 0x20) >>> 0 < 0x5f;

/** A text of ASCII that is expected where it was the last time. One of less than four bytes is never found. */
export class Expected {
  /** Of the text, in bytes. */
  readonly length: number;
  readonly #words: readonly number[];
  /** The last four bytes; they may overlap those before. */
  readonly #last: number;

  constructor(text: string) {
    const words: number[] = [];
    for (let at = 0; at + 4 <= text.length; at += 4) words.push(wordOf(text, at));
    this.length = text.length;
    this.#words = words;
    this.#last = words.length === 0 ? 0 : wordOf(text, text.length - 4);
  }

  /** Whether the text lies at `at`, before `end`. */
  isAt(view: DataView, at: number, end: number): boolean {
    const stop = at + this.length;
    if (stop > end || this.length < 4) return false;
    const words = this.#words;
    for (let i = 0, from = at; i < words.length; i++, from += 4)
      if (view.getInt32(from, true) !== words[i]) return false;
    return view.getInt32(stop - 4, true) === this.#last;
  }
}

/** The four bytes from `at` on, as `getInt32` reads them. */
const wordOf = (text: string, at: number): number =>
  text.charCodeAt(at) |
  (text.charCodeAt(at + 1) << 8) |
  (text.charCodeAt(at + 2) << 16) |
  (text.charCodeAt(at + 3) << 24);
