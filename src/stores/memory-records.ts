import { isDeepStrictEqual } from 'node:util';
import type { Expected, RecordKind, Records, StoredRecord } from '../contracts/records.ts';

/** Records of this process: gone when it ends. */
export class MemoryRecords implements Records {
  readonly durable = false;
  readonly known = Promise.resolve();
  readonly #kinds = new Map<RecordKind, Map<string, StoredRecord>>();
  #used: () => void;

  /** @param used Called once, when the first record is put. */
  constructor(used: () => void = () => undefined) {
    this.#used = used;
  }

  load(kind: RecordKind): Promise<ReadonlyMap<string, StoredRecord>> {
    return Promise.resolve(new Map(this.living(kind)));
  }

  get(kind: RecordKind, id: string): Promise<StoredRecord | null> {
    return Promise.resolve(this.#kinds.get(kind)?.get(id) ?? null);
  }

  put(kind: RecordKind, id: string, record: StoredRecord): Promise<void> {
    this.#used();
    this.#used = () => undefined;
    this.set(kind, id, record);
    return Promise.resolve();
  }

  remove(kind: RecordKind, id: string): Promise<void> {
    this.set(kind, id, null);
    return Promise.resolve();
  }

  exchange(kind: RecordKind, id: string, expected: Expected, next: StoredRecord | null): Promise<boolean> {
    if (!this.holds(kind, id, expected)) return Promise.resolve(false);
    return (next === null ? this.remove(kind, id) : this.put(kind, id, next)).then(() => true);
  }

  /** There are no other nodes. */
  on(): void {}

  close(): Promise<void> {
    return Promise.resolve();
  }

  /** Keeps a record; null removes it. */
  set(kind: RecordKind, id: string, record: StoredRecord | null): void {
    let records = this.#kinds.get(kind);
    if (records === undefined) this.#kinds.set(kind, (records = new Map<string, StoredRecord>()));
    if (record === null) records.delete(id);
    else records.set(id, record);
  }

  /** Whether what is kept is what somebody expects. */
  holds(kind: RecordKind, id: string, expected: Expected): boolean {
    const found = this.#kinds.get(kind)?.get(id) ?? null;
    return expected === 'any' ? found !== null : isDeepStrictEqual(found, expected);
  }

  /** Those of a kind that have not expired. */
  *living(kind: RecordKind): Iterable<[id: string, record: StoredRecord]> {
    const now = Date.now();
    for (const each of this.#kinds.get(kind) ?? [])
      if (each[1].expires === null || each[1].expires > now) yield each;
  }
}
