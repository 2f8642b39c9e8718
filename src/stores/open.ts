import type { SharedWords } from '../contracts/stores.ts';
import { SharedLimits } from './limit-shared.ts';
import { join, ownMemory } from './shared-memory.ts';
import { WordDirectory } from './words.ts';

export interface EmbeddedOptions {
  /** Number of this worker. */
  readonly worker: number;
  /** How many workers the node has. */
  readonly workers: number;
  /** Descriptor and length of the memory that they share; null where there is none. */
  readonly shared: { readonly fd: number; readonly length: number } | null;
  /** Told of each limit that was asked for a key without a bucket of its own. */
  readonly full: () => void;
  /** Told what an operator should know; once for each kind. */
  readonly warn: (line: string) => void;
}

/** Where this node counts by itself. */
export interface Embedded {
  readonly limits: SharedLimits;
  readonly words: SharedWords;
}

/** Bytes of a worker that has to count alone. */
const OWN = 4 * 1024 * 1024;

const FULL =
  'the table of limits is full: keys without a place share one bucket per limit, or are refused (store.memory.size)';
const NO_WORDS =
  'the directory of shared memory is full: a state is kept in each worker alone (store.memory.size)';

/** Opens what a worker counts in: once in its life. */
export function openEmbedded({ worker, workers, shared, full, warn }: EmbeddedOptions): Embedded {
  const memory = shared === null ? ownMemory(OWN) : join(shared.fd, shared.length);
  const warnFull = once(() => warn(FULL));
  const options = {
    memory,
    full() {
      full();
      warnFull();
    },
  };
  const limits =
    shared === null
      ? new SharedLimits({ ...options, worker: 0, share: workers })
      : new SharedLimits({ ...options, worker });
  return {
    limits,
    words: new WordDirectory(
      memory,
      once(() => warn(NO_WORDS)),
    ),
  };
}

function once(call: () => void): () => void {
  let isDone = false;
  return () => {
    if (!isDone) call();
    isDone = true;
  };
}
