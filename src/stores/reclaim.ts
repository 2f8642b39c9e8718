import { LOCKS } from './layout.ts';
import type { SharedMemory } from './shared-memory.ts';

/** Frees what a dead worker held. For the primary, after that worker's end and before its number has an heir. */
export function reclaim({ int32, layout }: SharedMemory, worker: number): void {
  const owner = worker + 1;
  const first = layout.locks / 4;
  for (let lock = first; lock < first + LOCKS; lock++) Atomics.compareExchange(int32, lock, owner, 0);
}
