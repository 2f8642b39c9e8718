/**
 * Milliseconds of the machine's monotonic clock, whole: the same in every process of a node (to a few milliseconds),
 * unlike `performance.now()`, which counts from each process's own start.
 */
export function nodeNow(): number {
  return Math.floor(OFFSET + performance.now());
}

const OFFSET = Number(process.hrtime.bigint() / 1000n) / 1000 - performance.now();
