/**
 * The primary's standard output in a worker. Descriptor 1 leads nowhere there: uWebSockets.js prints to it,
 * and what the gateway writes shall be its log and nothing else.
 */
export const LOG_FD = 4;

/** Descriptors of a worker, as `fork` wants them. */
export const STDIO = ['ignore', 'ignore', 'inherit', 'ipc', 1] as const;

/** The memory that all workers share, in a worker; open only if `sharedMemory` is not 0. */
export const MEMORY_FD = 5;

/** What a worker is told at birth: everything else comes through the channel. */
export interface WorkerEnvironment {
  /** Stable number 0..N-1; an heir has the number of the worker that it replaces. */
  readonly slot: number;
  /** How many workers the node has. */
  readonly workers: number;
  /** Name of this node among all that share a store, new with every start. */
  readonly node: string;
  /** Whether the addon passed the primary's test of writing a block of header fields in one call. */
  readonly blockWrite: boolean;
  /** Bytes of the memory behind `MEMORY_FD`; 0 = there is none. */
  readonly sharedMemory: number;
}

/** As variables for `fork`. */
export const toEnv = (born: WorkerEnvironment): Record<string, string> => ({
  SLUICE_WORKER: String(born.slot),
  SLUICE_WORKER_COUNT: String(born.workers),
  SLUICE_NODE: born.node,
  SLUICE_BLOCK_WRITE: born.blockWrite ? '1' : '0',
  SLUICE_SHARED_MEMORY: String(born.sharedMemory),
});

/** The worker's end of `toEnv`. */
export const fromEnv = (env: NodeJS.ProcessEnv): WorkerEnvironment => ({
  slot: Number(env['SLUICE_WORKER'] ?? 0),
  workers: Number(env['SLUICE_WORKER_COUNT'] ?? 1),
  node: env['SLUICE_NODE'] ?? '',
  blockWrite: env['SLUICE_BLOCK_WRITE'] === '1',
  sharedMemory: Number(env['SLUICE_SHARED_MEMORY'] ?? 0),
});
