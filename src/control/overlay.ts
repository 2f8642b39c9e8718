import { isDeepStrictEqual } from 'node:util';
import type { Logger } from 'pino';
import { z } from 'zod';
import type { GatewayConfig } from '../contracts/config.ts';
import { consumer } from '../contracts/consumer.ts';
import type { Consumer } from '../contracts/consumer.ts';
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

/** What the API says of each consumer that it has touched; null = removed. */
type Consumers = ReadonlyMap<string, Consumer | null>;

const stored = z.object({ consumer: consumer.nullable() });

/**
 * The configuration that is served: the file, and over it the consumers that were made, changed or removed through
 * the API. Whatever the API said of an id counts, and what the file says of it does not, until it is taken back.
 * One change at a time, each a generation of its own.
 */
export class Overlay {
  readonly #options: OverlayOptions;
  #file: GatewayConfig;
  #consumers: Consumers = new Map();
  #last: Promise<unknown> = Promise.resolve();

  constructor(file: GatewayConfig, options: OverlayOptions) {
    this.#file = file;
    this.#options = options;
    options.records.on(
      'consumers',
      (id, record) => void this.#follow(id, record),
      (id, emptied) => this.#lost(id, emptied),
    );
  }

  /** Reads what earlier runs and other nodes have left. Rejects when the store cannot be reached. */
  async load(): Promise<void> {
    const found = await this.#options.records.load('consumers');
    this.#consumers = new Map([...found].flatMap(([id, record]) => this.#read(id, record)));
  }

  /** Resolves when the file's configuration, with the overlay over it, is served or refused. Never rejects. */
  publishFile(file: GatewayConfig): Promise<Outcome> {
    return this.#inTurn(async () => {
      const outcome = await this.#options.publish(merge(file, this.#consumers));
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
      if (!this.#consumers.has(each.id)) yield { consumer: each, source: 'file' };
    for (const each of this.#consumers.values()) if (each !== null) yield { consumer: each, source: 'api' };
  }

  consumer(id: string): ServedConsumer | null {
    for (const each of this.consumers()) if (each.consumer.id === id) return each;
    return null;
  }

  /**
   * Changes one consumer, serves that and keeps it. Rejects with what `edit` throws, and when the store cannot be
   * reached; then nothing has changed.
   * @param edit From what is there (null = nothing) to what shall be there. Runs when its turn comes.
   */
  change(
    id: string,
    actor: string,
    edit: (present: ServedConsumer | null) => Consumer | null,
  ): Promise<Outcome> {
    return this.#inTurn(() => {
      const next = edit(this.consumer(id));
      const record = { value: { consumer: next }, expires: null };
      return this.#apply(id, actor, new Map(this.#consumers).set(id, next), (records) =>
        records.put('consumers', id, record),
      );
    });
  }

  /**
   * Takes back all that the API has said of an id, so that what the file says of it counts again.
   * @param allow Throws when it may not be; gets what is served, and whether the API has said anything.
   */
  forget(
    id: string,
    actor: string,
    allow: (present: ServedConsumer | null, isSaid: boolean) => void,
  ): Promise<Outcome> {
    return this.#inTurn(() => {
      allow(this.consumer(id), this.#consumers.has(id));
      const after = new Map(this.#consumers);
      after.delete(id);
      return this.#apply(id, actor, after, (records) => records.remove('consumers', id));
    });
  }

  /** Serves and then keeps; what cannot be kept is not served. */
  async #apply(
    id: string,
    actor: string,
    after: Consumers,
    keep: (records: Records) => Promise<void>,
  ): Promise<Outcome> {
    const before = this.#consumers;
    const outcome = await this.#options.publish(merge(this.#file, after));
    if (!outcome.ok) return outcome;
    this.#consumers = after;
    try {
      await keep(this.#options.records);
    } catch (error) {
      this.#consumers = before;
      await this.#options.publish(merge(this.#file, before));
      throw error;
    }
    const { generation } = outcome;
    this.#options.log.info({ generation, actor, consumer: id }, 'consumer changed');
    return outcome;
  }

  /** What `forget` leaves nothing of is written back only when the store has forgotten everything. */
  #lost(id: string, emptied: boolean): StoredRecord | null {
    const said = this.#consumers.get(id);
    return !emptied || said === undefined ? null : { value: { consumer: said }, expires: null };
  }

  /** Another node has changed a consumer. */
  #follow(id: string, record: StoredRecord | null): Promise<void> {
    return this.#inTurn(async () => {
      const after = new Map(this.#consumers);
      if (record === null) after.delete(id);
      else for (const [key, value] of this.#read(id, record)) after.set(key, value);
      if (isDeepStrictEqual(after, this.#consumers)) return;
      this.#consumers = after;
      const outcome = await this.#options.publish(merge(this.#file, after));
      const { log } = this.#options;
      if (outcome.ok)
        log.info({ generation: outcome.generation, consumer: id }, 'consumer changed elsewhere');
      else log.error({ reason: outcome.why, consumer: id }, 'a change of another node is refused here');
    });
  }

  #read(id: string, { value }: StoredRecord): [string, Consumer | null][] {
    const parsed = stored.safeParse(value);
    if (parsed.success) return [[id, parsed.data.consumer]];
    this.#options.log.error({ consumer: id }, 'a consumer in the store cannot be read: it is passed over');
    return [];
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(work);
    this.#last = done.catch(() => undefined);
    return done;
  }
}

function merge(file: GatewayConfig, consumers: Consumers): GatewayConfig {
  if (consumers.size === 0) return file;
  const untouched = file.consumers.filter(({ id }) => !consumers.has(id));
  const added = [...consumers.values()].filter((each) => each !== null);
  return { ...file, consumers: [...untouched, ...added] };
}
