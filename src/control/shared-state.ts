import { tmpdir } from 'node:os';
import type { Logger } from 'pino';
import type { GatewayConfig } from '../contracts/config.ts';
import { reclaim } from '../stores/reclaim.ts';
import { create } from '../stores/shared-memory.ts';
import type { SharedMemory } from '../stores/shared-memory.ts';
import type { Fleet } from './fleet.ts';

/** The memory that the workers of this node share. */
export interface SharedState {
  readonly fd: number;
  readonly length: number;
  readonly memory: SharedMemory;
}

/** Makes it, before any worker is forked; null, and one line in the log, where that is impossible. */
export function makeSharedState({ store }: GatewayConfig, workers: number, log: Logger): SharedState | null {
  const { path, size } = store.memory;
  try {
    return { ...create([path, tmpdir()], size, workers), length: size };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    log.warn(
      { reason, workers },
      'workers cannot share memory: each one alone enforces its share of every limit',
    );
    return null;
  }
}

/** Has what a worker held freed when it dies: the fleet tells of a death before it forks the heir. */
export function reclaimFor(fleet: Fleet, memory: SharedMemory): void {
  fleet.listen({ died: ({ slot }) => reclaim(memory, slot) });
}
