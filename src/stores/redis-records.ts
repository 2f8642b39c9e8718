import { randomUUID } from 'node:crypto';
import { StoreAway } from '../contracts/records.ts';
import type { RecordKind, Records, StoredRecord } from '../contracts/records.ts';
import type { StoreConfig } from '../contracts/store.ts';
import { connectRedis, reasonOf, type RedisClient } from './redis.ts';

type Heard = (id: string, record: StoredRecord | null) => void;

/** What nodes tell each other: which record has changed, and who has changed it. */
interface Change {
  readonly node: string;
  readonly kind: RecordKind;
  readonly id: string;
}

/** Longest wait for Redis in milliseconds: an operator waits here, not a request. */
const TIMEOUT = 2_000;

/**
 * Records that the nodes of a store share: a hash for each kind, and a channel on which a node tells the others what
 * it has changed. Whoever was not connected for a while reads everything anew.
 */
export class RedisRecords implements Records {
  readonly durable = true;
  readonly known: Promise<void>;
  readonly #prefix: string;
  readonly #client: RedisClient;
  readonly #subscriber: RedisClient;
  readonly #node = randomUUID();
  readonly #heard = new Map<RecordKind, Heard>();
  /** Ids of each kind as they were read or heard of: what is missing when all is read anew was removed. */
  readonly #known = new Map<RecordKind, Set<string>>();
  #allRead: () => void = () => undefined;

  /** @param trouble Is told why Redis cannot be reached, in words without address or secret. */
  constructor(config: StoreConfig, trouble: (reason: string) => void) {
    this.#prefix = `${config.prefix}:records`;
    this.known = new Promise((resolve) => (this.#allRead = resolve));
    this.#client = connectRedis(config, { name: 'records', timeout: TIMEOUT, trouble });
    this.#subscriber = connectRedis(config, { name: 'records-sub', timeout: null, trouble: () => undefined });
    this.#subscriber.on('ready', () => void this.#subscribed());
    this.#subscriber.on('message', (_channel: string, text: string) => this.#hear(text));
  }

  async load(kind: RecordKind): Promise<ReadonlyMap<string, StoredRecord>> {
    await ready(this.#client);
    const found = await reached(this.#client.hgetall(this.#key(kind)));
    const now = Date.now();
    const records = new Map<string, StoredRecord>();
    for (const [id, text] of Object.entries(found)) {
      const record = parse(text);
      if (record !== null && (record.expires === null || record.expires > now)) records.set(id, record);
    }
    this.#known.set(kind, new Set(records.keys()));
    return records;
  }

  async put(kind: RecordKind, id: string, record: StoredRecord): Promise<void> {
    await reached(this.#client.hset(this.#key(kind), id, JSON.stringify(record)));
    this.#ids(kind).add(id);
    await this.#tell(kind, id);
  }

  async remove(kind: RecordKind, id: string): Promise<void> {
    await reached(this.#client.hdel(this.#key(kind), id));
    this.#ids(kind).delete(id);
    await this.#tell(kind, id);
  }

  on(kind: RecordKind, heard: Heard): void {
    this.#heard.set(kind, heard);
  }

  close(): Promise<void> {
    this.#client.disconnect();
    this.#subscriber.disconnect();
    return Promise.resolve();
  }

  #tell(kind: RecordKind, id: string): Promise<unknown> {
    const change: Change = { node: this.#node, kind, id };
    return reached(this.#client.publish(this.#prefix, JSON.stringify(change)));
  }

  #hear(text: string): void {
    const change = JSON.parse(text) as Change;
    if (change.node !== this.#node) void this.#look(change.kind, change.id);
  }

  async #look(kind: RecordKind, id: string): Promise<void> {
    try {
      const text = await this.#client.hget(this.#key(kind), id);
      this.#pass(kind, id, text === null ? null : parse(text));
    } catch {
      // Whatever happened to the connection: everything is read anew when it stands again.
      await this.#readAll();
    }
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

  async #readAll(): Promise<void> {
    for (const kind of this.#heard.keys()) {
      const before = this.#ids(kind);
      const records = await this.load(kind);
      for (const [id, record] of records) this.#pass(kind, id, record);
      for (const id of before) if (!records.has(id)) this.#pass(kind, id, null);
    }
    this.#allRead();
  }

  #pass(kind: RecordKind, id: string, record: StoredRecord | null): void {
    if (record === null) this.#ids(kind).delete(id);
    else this.#ids(kind).add(id);
    this.#heard.get(kind)?.(id, record);
  }

  #ids(kind: RecordKind): Set<string> {
    let ids = this.#known.get(kind);
    if (ids === undefined) this.#known.set(kind, (ids = new Set()));
    return ids;
  }

  #key(kind: RecordKind): string {
    return `${this.#prefix}:${kind}`;
  }
}

function parse(text: string): StoredRecord | null {
  try {
    return JSON.parse(text) as StoredRecord;
  } catch {
    return null;
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
