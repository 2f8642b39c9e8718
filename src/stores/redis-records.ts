import { randomUUID } from 'node:crypto';
import { StoreAway } from '../contracts/records.ts';
import type { Expected, RecordKind, Records, Restore, StoredRecord } from '../contracts/records.ts';
import type { StoreConfig } from '../contracts/store.ts';
import { EXCHANGE, parse, textOf } from './record-text.ts';
import { connectRedis, reasonOf, type RedisClient } from './redis.ts';

interface Listener {
  readonly heard: (id: string, record: StoredRecord | null) => void;
  readonly restore: Restore | undefined;
}

/** What nodes tell each other: which record has changed, and who has changed it; no kind = read everything anew. */
interface Change {
  readonly node: string;
  readonly kind?: RecordKind;
  readonly id?: string;
}

export interface RecordsEvents {
  /** Why Redis cannot be reached, in words without address or secret. */
  readonly trouble: (reason: string) => void;
  /** Redis had forgotten so many records, of all kinds, that this node knew; the others have been told. */
  readonly restored: (count: number) => void;
}

/** Longest wait for Redis in milliseconds: an operator waits here, not a request. */
const TIMEOUT = 2_000;
/** Milliseconds between two looks whether Redis has been emptied: who is connected is not told of that. */
const LOOK_EVERY = 2_000;
/** Records written back at once. */
const BATCH = 1_000;

/**
 * Records that the nodes of a store share: a hash for each kind, and a channel on which a node tells the others what
 * it has changed. Whoever was not connected for a while reads everything anew. A mark tells one life of the data from
 * the next: without it Redis was emptied, and every node is asked to write back what it knows.
 */
export class RedisRecords implements Records {
  readonly durable = true;
  readonly known: Promise<void>;
  readonly #prefix: string;
  readonly #client: RedisClient;
  readonly #subscriber: RedisClient;
  readonly #node = randomUUID();
  readonly #events: RecordsEvents;
  readonly #looking: NodeJS.Timeout;
  readonly #listeners = new Map<RecordKind, Listener>();
  /** Ids of each kind as they were read or heard of: what is missing when all is read anew was removed. */
  readonly #known = new Map<RecordKind, Set<string>>();
  #allRead: () => void = () => undefined;
  /** The life of the data that was read last; null = none was. */
  #mark: string | null = null;
  /** Whether it was read to its end. */
  #complete = false;
  #last: Promise<void> = Promise.resolve();
  /** The reading that has not begun; null = there is none. */
  #queued: Promise<void> | null = null;
  /** The others have to be told to read everything anew. */
  #owesWord = false;
  /** Records written back of which the others have not been told. */
  #restored = 0;

  constructor(config: StoreConfig, events: RecordsEvents) {
    this.#events = events;
    const { trouble } = events;
    this.#prefix = `${config.prefix}:records`;
    this.known = new Promise((resolve) => (this.#allRead = resolve));
    this.#client = connectRedis(config, { name: 'records', timeout: TIMEOUT, trouble });
    this.#subscriber = connectRedis(config, { name: 'records-sub', timeout: null, trouble: () => undefined });
    this.#subscriber.on('ready', () => void this.#subscribed());
    this.#subscriber.on('message', (_channel: string, text: string) => this.#hear(text));
    this.#looking = setInterval(() => void this.#lookForMark(), LOOK_EVERY).unref();
  }

  async load(kind: RecordKind): Promise<ReadonlyMap<string, StoredRecord>> {
    const records = await this.#read(kind);
    for (const id of records.keys()) this.#ids(kind).add(id);
    return records;
  }

  async #read(kind: RecordKind): Promise<Map<string, StoredRecord>> {
    await ready(this.#client);
    const found = await reached(this.#client.hgetall(this.#key(kind)));
    const now = Date.now();
    const records = new Map<string, StoredRecord>();
    for (const [id, text] of Object.entries(found)) {
      const record = parse(text);
      if (record !== null && (record.expires === null || record.expires > now)) records.set(id, record);
    }
    return records;
  }

  async get(kind: RecordKind, id: string): Promise<StoredRecord | null> {
    const text = await reached(this.#client.hget(this.#key(kind), id));
    return text === null ? null : parse(text);
  }

  async put(kind: RecordKind, id: string, record: StoredRecord): Promise<void> {
    await reached(this.#client.hset(this.#key(kind), id, textOf(record)));
    this.#note(kind, id, record);
    await this.#tell({ kind, id });
  }

  async remove(kind: RecordKind, id: string): Promise<void> {
    await reached(this.#client.hdel(this.#key(kind), id));
    this.#note(kind, id, null);
    await this.#tell({ kind, id });
  }

  async exchange(
    kind: RecordKind,
    id: string,
    expected: Expected,
    next: StoredRecord | null,
  ): Promise<boolean> {
    const must = expected === 'any' ? expected : textOf(expected);
    const done = await reached(
      this.#client.eval(EXCHANGE, 1, this.#key(kind), id, must, textOf(next)) as Promise<number>,
    );
    if (done === 1) {
      this.#note(kind, id, next);
      await this.#tell({ kind, id });
      return true;
    }
    const text = await reached(this.#client.hget(this.#key(kind), id));
    // Removed, or lost with everything else: a reading of all finds out which.
    if (text === null) await this.#readAll();
    else this.#pass(kind, id, parse(text));
    return false;
  }

  on(kind: RecordKind, heard: Listener['heard'], restore?: Restore): void {
    this.#listeners.set(kind, { heard, restore });
  }

  close(): Promise<void> {
    clearInterval(this.#looking);
    this.#client.disconnect();
    this.#subscriber.disconnect();
    return Promise.resolve();
  }

  #tell(what: Omit<Change, 'node'>): Promise<unknown> {
    const change: Change = { node: this.#node, ...what };
    return reached(this.#client.publish(this.#prefix, JSON.stringify(change)));
  }

  #hear(text: string): void {
    const { node, kind, id } = JSON.parse(text) as Change;
    if (node === this.#node) return;
    if (kind === undefined || id === undefined) void this.#readAll();
    else void this.#look(kind, id);
  }

  async #look(kind: RecordKind, id: string): Promise<void> {
    try {
      await this.#lookOnce(kind, id);
      await this.#sendWord();
    } catch {
      // Whatever happened to the connection: everything is read anew when it stands again.
      await this.#readAll();
    }
  }

  async #lookOnce(kind: RecordKind, id: string): Promise<void> {
    const text = await reached(this.#client.hget(this.#key(kind), id));
    if (text === null) await this.#restore(kind, [id], false);
    else this.#pass(kind, id, parse(text));
  }

  /** Subscribed first and read afterwards: a change between the two is heard of. */
  async #subscribed(): Promise<void> {
    try {
      await this.#subscriber.subscribe(this.#prefix);
      await this.#readAll();
    } catch {
      // The connection fell again: `ready` comes once more.
    }
  }

  /**
   * Reads everything, one time after the other; who asks while one reading is under way shares the next. Never rejects:
   * what fails is tried again at the next look. Nothing that a reading waits for may wait for this.
   */
  #readAll(): Promise<void> {
    return (this.#queued ??= this.#last =
      this.#last
        .then(() => {
          this.#queued = null;
          return this.#readOnce();
        })
        .then(
          () => void (this.#complete = true),
          () => void (this.#complete = false),
        ));
  }

  async #readOnce(): Promise<void> {
    await ready(this.#client);
    const before = this.#mark;
    const mark = await reached(this.#client.get(this.#key('mark')));
    // Others may know what this node has never heard of.
    if (mark === null) this.#owesWord = true;
    const now = mark ?? (await this.#setMark());
    for (const kind of this.#listeners.keys()) {
      const records = await this.#read(kind);
      for (const [id, record] of records) this.#pass(kind, id, record);
      const missing = [...this.#ids(kind)].filter((id) => !records.has(id));
      await this.#restore(kind, missing, before !== null && before !== now);
    }
    await this.#sendWord();
    this.#mark = now;
    this.#allRead();
  }

  /** Writes back what is missing and still known, without touching what came there meanwhile. */
  async #restore(kind: RecordKind, missing: string[], emptied: boolean): Promise<void> {
    const restore = this.#listeners.get(kind)?.restore;
    for (let i = 0; i < missing.length; i += BATCH)
      await Promise.all(
        missing.slice(i, i + BATCH).map(async (id) => {
          const record = restore?.(id, emptied) ?? null;
          if (record === null) return this.#pass(kind, id, null);
          // Before it is written: whether it was is not known when the connection falls.
          this.#owesWord = true;
          if ((await reached(this.#client.hsetnx(this.#key(kind), id, textOf(record)))) === 1)
            this.#restored++;
          else await this.#lookOnce(kind, id);
        }),
      );
  }

  async #sendWord(): Promise<void> {
    if (!this.#owesWord) return;
    await this.#tell({});
    this.#owesWord = false;
    if (this.#restored > 0) this.#events.restored(this.#restored);
    this.#restored = 0;
  }

  async #setMark(): Promise<string | null> {
    await reached(this.#client.set(this.#key('mark'), randomUUID(), 'NX'));
    return reached(this.#client.get(this.#key('mark')));
  }

  async #lookForMark(): Promise<void> {
    if (this.#client.status !== 'ready' || this.#subscriber.status !== 'ready') return;
    const mark = await this.#client.get(this.#key('mark')).catch(() => undefined);
    if (mark !== undefined && (mark !== this.#mark || !this.#complete)) await this.#readAll();
  }

  #pass(kind: RecordKind, id: string, record: StoredRecord | null): void {
    this.#note(kind, id, record);
    this.#listeners.get(kind)?.heard(id, record);
  }

  #note(kind: RecordKind, id: string, record: StoredRecord | null): void {
    if (record === null) this.#ids(kind).delete(id);
    else this.#ids(kind).add(id);
  }

  #ids(kind: RecordKind): Set<string> {
    let ids = this.#known.get(kind);
    if (ids === undefined) this.#known.set(kind, (ids = new Set()));
    return ids;
  }

  #key(kind: RecordKind | 'mark'): string {
    return `${this.#prefix}:${kind}`;
  }
}

/** What Redis answers; its errors, which may quote addresses, stay behind. */
const reached = <T>(answer: Promise<T>): Promise<T> =>
  answer.catch((error: unknown) => {
    throw new StoreAway(reasonOf(error));
  });

/** Resolves when commands can be sent; rejects when that takes too long. */
function ready(client: RedisClient): Promise<void> {
  if (client.status === 'ready') return Promise.resolve();
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      client.off('ready', stand);
      reject(new StoreAway('Redis cannot be reached'));
    }, TIMEOUT);
    const stand = () => {
      clearTimeout(timer);
      resolve();
    };
    client.once('ready', stand);
  });
}
