import { closeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { create } from '../../src/stores/shared-memory.ts';
import type { SharedMemory } from '../../src/stores/shared-memory.ts';

export const MB = 1024 * 1024;

/** Memory that nobody else joins. */
export function ownMemory(length = MB, workers = 2): SharedMemory {
  const { fd, memory } = create(['/dev/shm', tmpdir()], length, workers);
  closeSync(fd);
  return memory;
}
