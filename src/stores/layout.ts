/** Where things are in the shared memory. All numbers are bytes from its beginning, or counts. */
export interface Layout {
  /** One Int32 each: 0, or 1 + the number of the worker that holds it. */
  readonly locks: number;
  /** Keys of the directory: one 64-bit word each, 0 = free. */
  readonly wordKeys: number;
  /** What the directory leads to: `WORDS` 64-bit words each. */
  readonly words: number;
  readonly wordCount: number;
  /** Counters of requests in flight; see `lanes.ts`. */
  readonly records: number;
  readonly recordCount: number;
  /** Bytes of one record: its head, and one Int32 for each worker. */
  readonly recordSize: number;
  /** Buckets; see `slots.ts`. */
  readonly slots: number;
  readonly slotCount: number;
}

/** Bytes before the first region: `header.ts`. */
const HEADER = 4096;
export const LOCKS = 1024;
/** 64-bit words for each identity of the directory. */
export const WORDS = 8;
export const RECORD_HEAD = 16;
export const SLOT_SIZE = 32;

/** How many neighbours a key may live in. */
export const PROBES = 16;

const LINE = 64;

/** The same for every process that is told the same numbers. */
export function layoutOf(length: number, workers: number): Layout {
  const wordCount = Math.floor(length / 4096);
  const locks = HEADER;
  const wordKeys = locks + LOCKS * 4;
  const words = upToLine(wordKeys + wordCount * 8);
  const records = words + wordCount * WORDS * 8;
  const recordSize = upToLine(RECORD_HEAD + workers * 4);
  // An eighth for requests in flight: there are never many more keys than requests.
  const recordCount = Math.floor(length / 8 / recordSize);
  const slots = records + recordCount * recordSize;
  const slotCount = Math.floor((length - slots) / SLOT_SIZE);
  return { locks, wordKeys, words, wordCount, records, recordCount, recordSize, slots, slotCount };
}

const upToLine = (bytes: number): number => Math.ceil(bytes / LINE) * LINE;
