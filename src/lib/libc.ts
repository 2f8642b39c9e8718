import { createRequire } from 'node:module';

/**
 * The few functions of the C library that Node does not offer, called through koffi: an optional package, whose one
 * importer this file is. Constants are those of Linux on every processor that Node has builds for.
 */
export interface Libc {
  /** Sets an option of a socket to a number, setsockopt(2). False = refused; nothing has changed. */
  setSocketOption(fd: number, level: number, name: number, value: number): boolean;
  /**
   * Maps the first `length` bytes of an open file, mmap(2), shared with every process that maps it; null = refused.
   * The mapping lasts until the process ends and the garbage collector never frees it: map once. `Atomics` work on
   * it across processes. Touching what the file cannot hold (cut short, or its file system full) ends the process.
   */
  map(fd: number, length: number): ArrayBuffer | null;
}

type Native = (...args: readonly unknown[]) => unknown;

/** What is used of koffi. */
interface Koffi {
  load(path: null): { func(signature: string): Native };
  view(pointer: unknown, length: number): ArrayBuffer;
}

const SETSOCKOPT = 'int setsockopt(int fd, int level, int name, const int32_t *value, uint32_t size)';
const MMAP = 'void *mmap(void *address, size_t length, int protection, int flags, int fd, int64_t offset)';
const READ_AND_WRITE = 3;
const SHARED = 1;
const MAP_FAILED = 0xffff_ffff_ffff_ffffn;

/** Undefined = not tried yet. */
let loaded: Libc | null | undefined;

/** The C library; null where it cannot be had (another system, or koffi is not installed). */
export function libc(): Libc | null {
  loaded ??= load();
  return loaded;
}

function load(): Libc | null {
  if (process.platform !== 'linux') return null;
  try {
    const koffi = createRequire(import.meta.url)('koffi') as Koffi;
    // Null = what this process has loaded already: the C library, whatever its file is called.
    const library = koffi.load(null);
    const setsockopt = library.func(SETSOCKOPT);
    const mmap = library.func(MMAP);
    return {
      setSocketOption: (fd, level, name, value) => setsockopt(fd, level, name, Int32Array.of(value), 4) === 0,
      map(fd, length) {
        const pointer = mmap(null, length, READ_AND_WRITE, SHARED, fd, 0);
        return pointer === MAP_FAILED ? null : koffi.view(pointer, length);
      },
    };
  } catch {
    return null;
  }
}
