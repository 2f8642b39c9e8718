import {
  closeSync,
  fdatasync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeFile,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Expected, RecordKind, Records, StoredRecord } from '../contracts/records.ts';
import { MemoryRecords } from './memory-records.ts';

const append = promisify(writeFile);
const sync = promisify(fdatasync);

/** One change: a record, or its removal. */
interface Line extends Partial<StoredRecord> {
  readonly kind: RecordKind;
  readonly id: string;
}

const KINDS: readonly RecordKind[] = ['consumers', 'revocations', 'sessions'];

/**
 * Records in a file of one JSON line a change, written through to the disk before a promise resolves and made short
 * at each start. A line that a crash cut off is passed over. Only one node may use the folder.
 */
export class FileRecords implements Records {
  readonly durable = true;
  readonly known = Promise.resolve();
  readonly #memory = new MemoryRecords();
  readonly #fd: number;
  /** The last change of each record that is under way. */
  readonly #turns = new Map<string, Promise<void>>();
  #pending: string[] = [];
  #written: Promise<void> = Promise.resolve();

  /** @param folder Made when it is not there. Throws when it cannot be written to. */
  constructor(folder: string) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const file = join(folder, 'records.jsonl');
    for (const line of read(file)) this.#apply(line);
    this.#fd = this.#rewrite(file);
  }

  load(kind: RecordKind): Promise<ReadonlyMap<string, StoredRecord>> {
    return this.#memory.load(kind);
  }

  get(kind: RecordKind, id: string): Promise<StoredRecord | null> {
    return this.#memory.get(kind, id);
  }

  put(kind: RecordKind, id: string, record: StoredRecord): Promise<void> {
    return this.#inTurn(kind, id, () => this.#write(kind, id, record));
  }

  remove(kind: RecordKind, id: string): Promise<void> {
    return this.#inTurn(kind, id, () => this.#write(kind, id, null));
  }

  exchange(kind: RecordKind, id: string, expected: Expected, next: StoredRecord | null): Promise<boolean> {
    return this.#inTurn(kind, id, async () => {
      if (!this.#memory.holds(kind, id, expected)) return false;
      await this.#write(kind, id, next);
      return true;
    });
  }

  /** There are no other nodes. */
  on(): void {}

  async close(): Promise<void> {
    await Promise.all(this.#turns.values());
    closeSync(this.#fd);
  }

  /** One change of a record after the other; changes of different records go out together. */
  #inTurn<T>(kind: RecordKind, id: string, work: () => Promise<T>): Promise<T> {
    const key = `${kind} ${id}`;
    const done = (this.#turns.get(key) ?? Promise.resolve()).then(work);
    const over = done
      .catch(() => undefined)
      .then(() => {
        if (this.#turns.get(key) === over) this.#turns.delete(key);
      });
    this.#turns.set(key, over);
    return done;
  }

  /** Null = removed. */
  async #write(kind: RecordKind, id: string, record: StoredRecord | null): Promise<void> {
    await this.#append({ kind, id, ...record });
    this.#memory.set(kind, id, record);
  }

  /** Lines that come while others are being written go out together. */
  #append(line: Line): Promise<void> {
    this.#pending.push(JSON.stringify(line));
    if (this.#pending.length === 1)
      this.#written = this.#written.catch(() => undefined).then(() => this.#flush());
    return this.#written;
  }

  async #flush(): Promise<void> {
    const lines = this.#pending;
    this.#pending = [];
    await append(this.#fd, `${lines.join('\n')}\n`);
    await sync(this.#fd);
  }

  #apply({ kind, id, value, expires = null }: Line): void {
    this.#memory.set(kind, id, value === undefined ? null : { value, expires });
  }

  /** Puts what still counts into a new file, and that in place of the old one; gives it open for more. */
  #rewrite(file: string): number {
    const next = `${file}.next`;
    const fd = openSync(next, 'w', 0o600);
    for (const kind of KINDS)
      for (const [id, record] of this.#memory.living(kind))
        writeSync(fd, `${JSON.stringify({ kind, id, ...record })}\n`);
    fsyncSync(fd);
    renameSync(next, file);
    return fd;
  }
}

function read(file: string): Line[] {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
  return text.split('\n').flatMap((line) => {
    try {
      return line === '' ? [] : [JSON.parse(line) as Line];
    } catch {
      return [];
    }
  });
}
