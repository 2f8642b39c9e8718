/**
 * Nanoseconds of the system's monotonic clock since `epoch` (one of its seconds): whole, the same in every process
 * at the same moment, and never going back, whatever happens to the time of day. Never `performance.now()` plus an
 * offset: that differs by milliseconds from process to process. Exact for 104 days; then in steps of 2, 4 ...
 */
export function clockFrom(epoch: number): () => number {
  return () => {
    const time = process.hrtime();
    return (time[0] - epoch) * 1e9 + time[1];
  };
}

/** Nanoseconds as whole milliseconds, never less than they are. */
export const milliseconds = (ns: number): number => Math.ceil(ns / 1e6);
