import { LOCKS, RECORD_HEAD, SLOT_SIZE } from './layout.ts';
import type { SharedMemory } from './shared-memory.ts';
import { STATE } from './slots.ts';

/**
 * Frees what a dead worker held: requests in flight, records and slots that it was about to give to another key, and
 * locks, these last. For the primary, after that worker's end and before its number has an heir.
 */
export function reclaim({ int32, int64, layout }: SharedMemory, worker: number): void {
  const owner = worker + 1;
  const records = layout.records / 4;
  const size = layout.recordSize / 4;
  for (let at = records; at < records + layout.recordCount * size; at += size) {
    const lane = at + RECORD_HEAD / 4 + worker;
    if (int32[lane] !== 0) Atomics.store(int32, lane, 0);
    if (int32[at + 2] === owner) Atomics.store(int32, at + 2, 0);
  }
  const slots = layout.slots / 8;
  const claim = BigInt(-owner);
  for (let at = slots; at < slots + layout.slotCount * (SLOT_SIZE / 8); at += SLOT_SIZE / 8) {
    // Its lower half alone tells most of them from a claim.
    if (int32[2 * (at + STATE)] === -owner) Atomics.compareExchange(int64, at + STATE, claim, 0n);
  }
  for (let lock = layout.locks / 4; lock < layout.locks / 4 + LOCKS; lock++) {
    Atomics.compareExchange(int32, lock, owner, 0);
  }
}
