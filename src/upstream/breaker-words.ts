/**
 * What the workers of a node share of one breaker, in eight 64-bit words: one for its state and four for what happened
 * lately. Every change is one compare-and-swap of one word, so a worker that dies at any moment leaves nothing half done.
 */

export const CLOSED = 0;
export const HALF_OPEN = 1;
export const OPEN = 2;

/** The state word: `state 2 | streak 5 | issued 8 | passed 8 | until 40` bits, the lowest first. */
export interface State {
  readonly state: number;
  /** How often it opened again since it was closed. */
  readonly streak: number;
  /** Probes let through in this round. */
  readonly issued: number;
  /** Probes of this round that went well. */
  readonly passed: number;
  /** Open: when it half-opens. Half-open: when probes without an outcome are given up. Milliseconds of the node's clock. */
  readonly until: number;
}

const STATE = 0;

export const MOST_STREAK = 31;
/** Probes of a round at most. */
export const MOST_PROBES = 255;

export function unpack(word: bigint): State {
  const low = Number(word & 0x7fffffn);
  return {
    state: low & 3,
    streak: (low >> 2) & 31,
    issued: (low >> 7) & 255,
    passed: (low >> 15) & 255,
    until: Number(word >> 23n),
  };
}

export const pack = ({ state, streak, issued, passed, until }: State): bigint =>
  (BigInt(until) << 23n) | BigInt(state | (streak << 2) | (issued << 7) | (passed << 15));

export const loadState = (words: BigInt64Array): bigint => Atomics.load(words, STATE);

/** True = the state was `from` and is `to` now. */
export const changeState = (words: BigInt64Array, from: bigint, to: State): boolean =>
  Atomics.compareExchange(words, STATE, from, pack(to)) === from;

const FIRST_SLICE = 1;
export const SLICES = 4;
const COUNT_BITS = 14n;
const MOST = (1 << 14) - 1;
const MASK = BigInt(MOST);
/** Slices are told apart by the low bits of their number. */
const NUMBER_MASK = (1 << 21) - 1;

/** What happened in a window. */
export interface Tally {
  total: number;
  errors: number;
  slow: number;
}

/** The slice word: `slow 14 | errors 14 | total 14 | number 21` bits, the lowest first. */
const sliceWord = (number: number, { total, errors, slow }: Tally): bigint =>
  (((((BigInt(number) << COUNT_BITS) | BigInt(total)) << COUNT_BITS) | BigInt(errors)) << COUNT_BITS) |
  BigInt(slow);

const numberOf = (word: bigint): number => Number(word >> 42n);

function addTo(tally: Tally, word: bigint): void {
  tally.total += Number((word >> 28n) & MASK);
  tally.errors += Number((word >> COUNT_BITS) & MASK);
  tally.slow += Number(word & MASK);
}

/** Adds to the slice of that number (whole, counted from any beginning); what an older one held is forgotten. */
export function tally(
  words: BigInt64Array,
  slice: number,
  total: number,
  errors: number,
  slow: number,
): void {
  const at = FIRST_SLICE + (slice % SLICES);
  const number = slice & NUMBER_MASK;
  for (;;) {
    const word = Atomics.load(words, at);
    const sum: Tally = { total, errors, slow };
    if (numberOf(word) === number) addTo(sum, word);
    // Full: all halved, which keeps the ratios.
    if (sum.total > MOST) {
      sum.total >>= 1;
      sum.errors >>= 1;
      sum.slow >>= 1;
    }
    sum.errors = Math.min(sum.errors, sum.total);
    if (Atomics.compareExchange(words, at, word, sliceWord(number, sum)) === word) return;
  }
}

/** The sum of the four slices that end with that number. */
export function sumOf(words: BigInt64Array, slice: number): Tally {
  const sum: Tally = { total: 0, errors: 0, slow: 0 };
  for (let i = 0; i < SLICES; i++) {
    const word = Atomics.load(words, FIRST_SLICE + ((slice - i + SLICES) % SLICES));
    if (numberOf(word) === ((slice - i) & NUMBER_MASK)) addTo(sum, word);
  }
  return sum;
}

/** Forgets what happened. */
export function clearTally(words: BigInt64Array): void {
  for (let i = 0; i < SLICES; i++) Atomics.store(words, FIRST_SLICE + i, 0n);
}
