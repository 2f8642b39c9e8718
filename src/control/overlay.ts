import { isDeepStrictEqual } from 'node:util';
import type { Logger } from 'pino';
import { z } from 'zod';
import type { GatewayConfig } from '../contracts/config.ts';
import { consumer } from '../contracts/consumer.ts';
import type { Consumer } from '../contracts/consumer.ts';
import { StoreAway } from '../contracts/records.ts';
import type { Records, StoredRecord } from '../contracts/records.ts';
import type { Outcome } from './publish.ts';

/** A consumer as it is served, and where it comes from. */
export interface ServedConsumer {
  readonly consumer: Consumer;
  readonly source: 'file' | 'api';
}

export interface OverlayOptions {
  readonly publish: (config: GatewayConfig) => Promise<Outcome>;
  readonly records: Records;
  readonly log: Logger;
}

/** What the API has said of a consumer (null = removed), and the record that says so. */
interface Said {
  readonly consumer: Consumer | null;
  readonly record: StoredRecord;
}
type Overrides = ReadonlyMap<string, Said>;

/** Other nodes may change the same consumer so many times before a change gives up. */
const TRIES = 8;

const stored = z.object({ consumer: consumer.nullable() });

/**
 * The configuration that is served: the file, and over it the consumers that were made, changed or removed through
 * the API. Whatever the API said of an id counts, and what the file says of it does not, until it is taken back.
 * One change at a time, each a generation of its own.
 */
export class Overlay {
  readonly #options: OverlayOptions;
  #file: GatewayConfig;
  #overrides: Overrides = new Map();
  #last: Promise<unknown> = Promise.resolve();
  /** Changes that are under way or wait. */
  #turns = 0;

  constructor(file: GatewayConfig, options: OverlayOptions) {
    this.#file = file;
    this.#options = options;
    options.records.on(
      'consumers',
      (id, record) => this.#hear(id, record),
      (id, emptied) => this.#lost(id, emptied),
    );
  }

  /** Reads what earlier runs and other nodes have left. Rejects when the store cannot be reached. */
  async load(): Promise<void> {
    const found = await this.#options.records.load('consumers');
    const read = [...found].map(([id, record]) => [id, this.#read(id, record)] as const);
    this.#overrides = new Map(read.filter((each): each is readonly [string, Said] => each[1] !== null));
  }

  /** Resolves when the file's configuration, with the overlay over it, is served or refused. Never rejects. */
  publishFile(file: GatewayConfig): Promise<Outcome> {
    return this.#inTurn(async () => {
      const outcome = await this.#options.publish(merge(file, this.#overrides));
      if (outcome.ok) this.#file = file;
      return outcome;
    });
  }

  /** Resolves when everything that was heard of so far is served or refused. Never rejects. */
  async settled(): Promise<void> {
    await this.#last;
  }

  /** Every consumer that is served. */
  *consumers(): Iterable<ServedConsumer> {
    for (const each of this.#file.consumers)
      if (!this.#overrides.has(each.id)) yield { consumer: each, source: 'file' };
    for (const { consumer: each } of this.#overrides.values())
      if (each !== null) yield { consumer: each, source: 'api' };
  }

  consumer(id: string): ServedConsumer | null {
    for (const each of this.consumers()) if (each.consumer.id === id) return each;
    return null;
  }

  /**
   * Changes one consumer, serves that and keeps it. Rejects with what `edit` throws, and when the store cannot be
   * reached; then nothing has changed.
   * @param edit From what is there (null = nothing) to what shall be there. Runs when its turn comes, and again when
   *   another node was faster.
   */
  change(
    id: string,
    actor: string,
    edit: (present: ServedConsumer | null) => Consumer | null,
  ): Promise<Outcome> {
    return this.#say(id, actor, () => {
      const next = edit(this.consumer(id));
      return { consumer: next, record: { value: { consumer: next }, expires: null } };
    });
  }

  /**
   * Takes back all that the API has said of an id, so that what the file says of it counts again.
   * @param allow Throws when it may not be; gets what is served, and whether the API has said anything. Runs as `edit`.
   */
  forget(
    id: string,
    actor: string,
    allow: (present: ServedConsumer | null, isSaid: boolean) => void,
  ): Promise<Outcome> {
    return this.#say(id, actor, () => {
      allow(this.consumer(id), this.#overrides.has(id));
      return null;
    });
  }

  /** @param what What the API says from now on; null = nothing. */
  async #say(id: string, actor: string, what: () => Said | null): Promise<Outcome> {
    for (let tries = 0; tries < TRIES; tries++) {
      // A turn each: what another node has said is followed in between.
      const outcome = await this.#inTurn(() => this.#apply(id, actor, what()));
      if (outcome !== null) return outcome;
    }
    throw new StoreAway('other nodes change this consumer all the time');
  }

  /** Serves and then keeps; what cannot be kept is not served. Null = another node has changed the consumer before. */
  async #apply(id: string, actor: string, said: Said | null): Promise<Outcome | null> {
    const { publish, records, log } = this.#options;
    const before = this.#overrides;
    const after = withOne(before, id, said);
    const outcome = await publish(merge(this.#file, after));
    if (!outcome.ok) return outcome;
    let isKept = false;
    try {
      const expected = before.get(id)?.record ?? null;
      isKept = await records.exchange('consumers', id, expected, said?.record ?? null);
    } finally {
      if (isKept) this.#overrides = after;
      else await publish(merge(this.#file, before));
    }
    if (!isKept) return null;
    const { generation } = outcome;
    log.info({ generation, actor, consumer: id }, 'consumer changed');
    return outcome;
  }

  /** What `forget` leaves nothing of is written back only when the store has forgotten everything. */
  #lost(id: string, emptied: boolean): StoredRecord | null {
    return emptied ? (this.#overrides.get(id)?.record ?? null) : null;
  }

  /** Another node may have changed a consumer. What is heard while a change is under way may be older than that. */
  #hear(id: string, heard: StoredRecord | null): void {
    const known = this.#overrides.get(id);
    if (this.#turns === 0 && isDeepStrictEqual(heard, known?.record ?? null)) return;
    this.#inTurn(() => this.#follow(id, heard, known)).catch(() => {
      // The store is away: everything is heard of again when it is back.
    });
  }

  /** @param known What was known when it was heard. */
  async #follow(id: string, heard: StoredRecord | null, known: Said | undefined): Promise<void> {
    const { publish, records, log } = this.#options;
    const record = await records.get('consumers', id).catch((error: unknown) => {
      // What was heard is the best that is known, unless something has been changed here since.
      if (this.#overrides.get(id) === known) return heard;
      throw error;
    });
    // Not there, and nobody has removed it: the store may have lost it.
    if (record === null && heard !== null) return;
    const before = this.#overrides.get(id);
    const said = record === null ? null : this.#read(id, record);
    if (record !== null && said === null) return;
    this.#overrides = withOne(this.#overrides, id, said);
    if (isDeepStrictEqual(before?.consumer, said?.consumer)) return;
    const outcome = await publish(merge(this.#file, this.#overrides));
    if (outcome.ok) log.info({ generation: outcome.generation, consumer: id }, 'consumer changed elsewhere');
    else log.error({ reason: outcome.why, consumer: id }, 'a change of another node is refused here');
  }

  #read(id: string, record: StoredRecord): Said | null {
    const parsed = stored.safeParse(record.value);
    if (parsed.success) return { consumer: parsed.data.consumer, record };
    this.#options.log.error({ consumer: id }, 'a consumer in the store cannot be read: it is passed over');
    return null;
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    this.#turns++;
    const done = this.#last.then(work).finally(() => this.#turns--);
    this.#last = done.catch(() => undefined);
    return done;
  }
}

/** Null = the API says nothing of that id. */
function withOne(overrides: Overrides, id: string, said: Said | null): Overrides {
  const after = new Map(overrides);
  if (said === null) after.delete(id);
  else after.set(id, said);
  return after;
}

function merge(file: GatewayConfig, overrides: Overrides): GatewayConfig {
  if (overrides.size === 0) return file;
  const untouched = file.consumers.filter(({ id }) => !overrides.has(id));
  const added = [...overrides.values()].flatMap(({ consumer: each }) => each ?? []);
  return { ...file, consumers: [...untouched, ...added] };
}
