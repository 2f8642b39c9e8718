import type { RecordKind, Records, StoredRecord } from '../contracts/records.ts';

/** Records of this process: gone when it ends. */
export class MemoryRecords implements Records {
  readonly durable: boolean = false;
  readonly #kinds = new Map<RecordKind, Map<string, StoredRecord>>();

  load(kind: RecordKind): Promise<ReadonlyMap<string, StoredRecord>> {
    const records = this.of(kind);
    const now = Date.now();
    for (const [id, { expires }] of records) if (expires !== null && expires <= now) records.delete(id);
    return Promise.resolve(new Map(records));
  }

  put(kind: RecordKind, id: string, record: StoredRecord): Promise<void> {
    this.of(kind).set(id, record);
    return Promise.resolve();
  }

  remove(kind: RecordKind, id: string): Promise<void> {
    this.of(kind).delete(id);
    return Promise.resolve();
  }

  /** There are no other nodes. */
  on(): void {}

  close(): Promise<void> {
    return Promise.resolve();
  }

  protected of(kind: RecordKind): Map<string, StoredRecord> {
    let records = this.#kinds.get(kind);
    if (records === undefined) this.#kinds.set(kind, (records = new Map<string, StoredRecord>()));
    return records;
  }
}
