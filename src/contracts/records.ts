/** What is kept beside the configuration and changes while the gateway runs. */
export type RecordKind = 'consumers' | 'revocations' | 'sessions';

export interface StoredRecord {
  /** Plain data. */
  readonly value: unknown;
  /** Milliseconds since the epoch after which it is forgotten; null = kept. */
  readonly expires: number | null;
}

/**
 * What this node knows of a record that is missing in the store; null = it was removed, and is let go.
 * @param emptied The store has forgotten everything. Else it may have forgotten the newest, or somebody has removed it.
 */
export type Restore = (id: string, emptied: boolean) => StoredRecord | null;

/** What the store must hold for a write: a record as it was read or put; null = none; `any` = some record. */
export type Expected = StoredRecord | null | 'any';

/** The store cannot be reached, or refused the work; nothing was changed as far as is known. */
export class StoreAway extends Error {}

/**
 * Small records by kind and id: in the primary's memory, in a file, or in Redis. The primary alone uses it.
 * Every promise rejects with `StoreAway` when the store cannot be reached; then nothing was changed.
 */
export interface Records {
  /** Whether a restart finds them again. */
  readonly durable: boolean;
  /** Settles when everything was read for the first time; never rejects. */
  readonly known: Promise<void>;
  /** Everything of a kind that has not expired. */
  load(kind: RecordKind): Promise<ReadonlyMap<string, StoredRecord>>;
  get(kind: RecordKind, id: string): Promise<StoredRecord | null>;
  /** Resolves when it is kept (where `durable`: also over a crash). */
  put(kind: RecordKind, id: string, record: StoredRecord): Promise<void>;
  remove(kind: RecordKind, id: string): Promise<void>;
  /**
   * Puts a record, or removes it (`next` null), only where the store holds what is expected, which nobody can change in
   * between. False = it holds something else, and whoever listens has been told what.
   */
  exchange(kind: RecordKind, id: string, expected: Expected, next: StoredRecord | null): Promise<boolean>;
  /**
   * Calls `heard` for what other nodes change; null = removed. A record that was known and is not there any more is
   * written back when `restore` gives it.
   */
  on(kind: RecordKind, heard: (id: string, record: StoredRecord | null) => void, restore?: Restore): void;
  close(): Promise<void>;
}
