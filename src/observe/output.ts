import { closeSync, constants, fstatSync, openSync, write, writeSync } from 'node:fs';

/** Largest write to a pipe that the kernel never splits or mixes with another process's (PIPE_BUF on Linux). */
export const PIPE_BUF = 4096;
const FILE_BATCH = 65_536;
/** Bytes kept while the reader is slow; lines beyond it are dropped. */
const MAX_HELD = 4 * 1024 * 1024;
const FLUSH_MS = 100;
/** How soon a full pipe is tried again. */
const RETRY_MS = 10;
/** Longest wait for a slow reader when the process ends without `drained`. */
const EXIT_MS = 200;

const isAgain = (error: unknown): boolean => {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'EAGAIN' || code === 'EBUSY';
};

/**
 * Lines on their way to a descriptor that several processes may share. They go out in batches of whole
 * lines; on pipes no batch is longer than PIPE_BUF, so that lines of different processes never mix.
 * A slow reader costs lines (counted in `dropped`), never time or memory without bound.
 *
 * A pipe is opened once more in non-blocking mode and written to directly: a tenth of the CPU time of a
 * trip through the thread pool, and a stuck reader cannot hold a thread and with it the process's end.
 * Everything else (files, sockets, terminals) is written to by the thread pool.
 */
export class Output {
  /** Lines given up so far. */
  dropped = 0;
  readonly #fd: number;
  readonly #direct: boolean;
  readonly #limit: number;
  /** Full batches, oldest first. */
  readonly #queue: { memory: Buffer; bytes: Uint8Array; lines: number }[] = [];
  /** Memory of a batch that has been written, for the next one. */
  #spare: Buffer | null = null;
  /** Bytes in the queue. */
  #held = 0;
  #batch = '';
  #lines = 0;
  #timer: NodeJS.Timeout | null = null;
  /** The thread pool has the first of the queue. */
  #writing = false;
  #ended = false;
  #waiting: (() => void)[] = [];

  /** @param fd Descriptor to write to; it is never closed. */
  constructor(fd: number) {
    const stat = fstatSync(fd);
    const own = stat.isFIFO() ? openNonBlocking(fd) : null;
    this.#fd = own ?? fd;
    this.#direct = own !== null;
    this.#limit = stat.isFIFO() || stat.isSocket() ? PIPE_BUF : FILE_BATCH;
  }

  /** Takes one line of ASCII text of at most PIPE_BUF characters, its line feed included. */
  write(line: string): void {
    const { length } = line;
    if (this.#batch.length + length > this.#limit) {
      this.#seal();
      this.#push();
    }
    if (this.#ended || length > PIPE_BUF || this.#held + this.#batch.length + length > MAX_HELD) {
      this.dropped++;
      return;
    }
    this.#batch += line;
    this.#lines++;
    if (this.#timer === null) this.#arm(FLUSH_MS);
  }

  /** Resolves when everything is written or lost, at the latest after `ms` milliseconds. More lines may follow. */
  drained(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timeout = setTimeout(resolve, ms);
      this.#waiting.push(() => {
        clearTimeout(timeout);
        resolve();
      });
      this.#seal();
      this.#push();
      if (this.#queue.length > 0) this.#arm(RETRY_MS);
      else this.#settle();
    });
  }

  /** Last call before the process ends: writes what can be written without waiting for long. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#seal();
    if (this.#direct) this.#endDirect();
    else this.#endThreaded();
  }

  #endDirect(): void {
    const until = performance.now() + EXIT_MS;
    this.#pushDirect();
    while (this.#queue.length > 0 && performance.now() < until) {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, RETRY_MS);
      this.#pushDirect();
    }
    closeSync(this.#fd);
  }

  /** A write that is under way cannot be waited for; what follows it is whole lines and may overtake it. */
  #endThreaded(): void {
    try {
      for (const { bytes } of this.#queue.slice(this.#writing ? 1 : 0)) writeSync(this.#fd, bytes);
    } catch {
      // The process ends: nobody is left to tell.
    }
  }

  #arm(ms: number): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#tick(), ms).unref();
  }

  #tick(): void {
    this.#timer = null;
    // While the reader is behind, a batch may as well go on filling.
    if (this.#queue.length === 0) this.#seal();
    this.#push();
    if (this.#queue.length > 0 || this.#lines > 0) this.#arm(RETRY_MS);
  }

  /** Closes the batch that is being filled. What waits is bytes: text would keep every piece it was added up from. */
  #seal(): void {
    if (this.#lines === 0) return;
    const memory = this.#spare ?? Buffer.allocUnsafeSlow(this.#limit);
    this.#spare = null;
    const bytes = memory.subarray(0, memory.write(this.#batch, 'latin1'));
    this.#queue.push({ memory, bytes, lines: this.#lines });
    this.#held += this.#batch.length;
    this.#batch = '';
    this.#lines = 0;
  }

  /** Hands the queue to the kernel, as far as it takes it now. */
  #push(): void {
    if (this.#direct) this.#pushDirect();
    else if (!this.#writing) this.#pushThreaded();
  }

  #pushDirect(): void {
    try {
      for (let first = this.#queue[0]; first !== undefined; first = this.#queue[0])
        this.#written(writeSync(this.#fd, first.bytes));
    } catch (error) {
      if (!isAgain(error)) this.#lose();
    }
  }

  #pushThreaded(): void {
    const first = this.#queue[0];
    if (first === undefined || this.#ended) return;
    this.#writing = true;
    write(this.#fd, first.bytes, (error, bytes) => {
      this.#writing = false;
      if (error === null) {
        this.#written(bytes);
        this.#pushThreaded();
      } else if (isAgain(error)) this.#arm(RETRY_MS);
      else this.#lose();
    });
  }

  #written(bytes: number): void {
    const first = this.#queue[0]!;
    this.#held -= bytes;
    if (bytes < first.bytes.length) first.bytes = first.bytes.subarray(bytes);
    else this.#spare = this.#queue.shift()!.memory;
    if (this.#queue.length === 0) this.#settle();
  }

  /** The reader is gone or the disk is full. Later lines are tried again: either may come back. */
  #lose(): void {
    for (const { lines } of this.#queue) this.dropped += lines;
    this.#queue.length = 0;
    this.#held = 0;
    this.#settle();
  }

  #settle(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}

/** The same pipe through a description of our own, so that non-blocking mode is ours alone; null = refused. */
function openNonBlocking(fd: number): number | null {
  try {
    return openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK);
  } catch {
    return null;
  }
}
