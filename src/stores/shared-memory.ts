import { randomBytes } from 'node:crypto';
import { closeSync } from 'node:fs';
import { libc } from '../lib/libc.ts';
import type { Seed } from './key-hash.ts';
import { layoutOf } from './layout.ts';
import type { Layout } from './layout.ts';
import { openNameless } from './shared-file.ts';

/** Memory that the processes of a node share. Use it with `Atomics`. */
export interface SharedMemory {
  readonly layout: Layout;
  readonly workers: number;
  /** Of the hash of every key; another one in each file. */
  readonly seed: Seed;
  /** Second of the monotonic clock that times in this memory are counted from. */
  readonly epoch: number;
  readonly int32: Int32Array;
  readonly int64: BigInt64Array;
  readonly float64: Float64Array;
}

/** "SLUICE", and the version of everything in the file. */
const MAGIC = 0x53_4c_55_49_43_45_00_01n;
/** Places of the header's 64-bit words. */
const AT = { magic: 0, length: 1, workers: 2, seed: 3, epoch: 4 } as const;

/**
 * Makes the memory of a node, in the first folder that can hold it. For the primary, before it forks: workers
 * inherit the descriptor and `join` it.
 * @throws An error whose message says for each folder why not.
 */
export function create(
  folders: readonly string[],
  length: number,
  workers: number,
): { memory: SharedMemory; fd: number } {
  if (libc() === null) throw new Error('it needs Linux and the package koffi');
  const reasons: string[] = [];
  for (const folder of folders) {
    try {
      const fd = openNameless(folder, length);
      const buffer = mapped(fd, length);
      writeHeader(new BigInt64Array(buffer), length, workers);
      return { memory: view(buffer), fd };
    } catch (error) {
      reasons.push(`${folder}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  throw new Error(reasons.join('; '));
}

/**
 * Maps the memory that the primary made, once in a process's life, and closes the descriptor.
 * @throws When it is not such a memory, or of another length or version.
 */
export function join(fd: number, length: number): SharedMemory {
  const buffer = mapped(fd, length);
  closeSync(fd);
  const words = new BigInt64Array(buffer);
  if (words[AT.magic] !== MAGIC || words[AT.length] !== BigInt(length)) {
    throw new Error('the shared memory was made by another version of Sluice');
  }
  return view(buffer);
}

/** Memory of the same kind that this process has for itself. Zero pages cost nothing until they are used. */
export function ownMemory(length: number): SharedMemory {
  const buffer = new ArrayBuffer(length);
  writeHeader(new BigInt64Array(buffer), length, 1);
  return view(buffer);
}

function writeHeader(words: BigInt64Array, length: number, workers: number): void {
  words[AT.length] = BigInt(length);
  words[AT.workers] = BigInt(workers);
  words[AT.seed] = randomBytes(8).readBigInt64LE();
  words[AT.epoch] = BigInt(process.hrtime()[0]);
  words[AT.magic] = MAGIC;
}

function mapped(fd: number, length: number): ArrayBuffer {
  const buffer = libc()?.map(fd, length) ?? null;
  if (buffer === null) throw new Error('it cannot be mapped');
  return buffer;
}

function view(buffer: ArrayBuffer): SharedMemory {
  const int32 = new Int32Array(buffer);
  const int64 = new BigInt64Array(buffer);
  const workers = Number(int64[AT.workers]);
  return {
    layout: layoutOf(buffer.byteLength, workers),
    workers,
    seed: [int32[2 * AT.seed] ?? 0, int32[2 * AT.seed + 1] ?? 0],
    epoch: Number(int64[AT.epoch]),
    int32,
    int64,
    float64: new Float64Array(buffer),
  };
}
