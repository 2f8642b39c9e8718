import type { Logger } from 'pino';
import type { FactKind, FactValues } from '../contracts/facts.ts';
import type { RecordKind, Records, StoredRecord } from '../contracts/records.ts';
import type { PrimaryFacts } from './facts.ts';

export interface MirrorOptions<K extends FactKind, V> {
  readonly kind: RecordKind;
  /** What the workers know it as. */
  readonly fact: K;
  readonly toFact: (value: V) => FactValues[K];
  /** What came from the store, or null when it is not to be understood. */
  readonly read: (value: unknown) => V | null;
  /** Whether what is missing in the store was lost there, and never removed: it is written back. */
  readonly restore?: boolean;
  readonly records: Records;
  readonly facts: PrimaryFacts;
  readonly log: Logger;
}

interface Held<V> {
  readonly value: V;
  readonly expires: number | null;
}

/** Milliseconds between two looks for what has expired. */
const SWEEP = 30_000;
/** How far the clocks of nodes may differ: until then another node may still need the record. */
const SKEW = 30_000;

/**
 * Records of one kind, held by the primary and told to every worker. What is put or removed is in the store, and
 * every worker knows it, when the promise resolves; what other nodes change comes by itself.
 */
export class Mirror<K extends FactKind, V> {
  readonly #options: MirrorOptions<K, V>;
  readonly #held = new Map<string, Held<V>>();

  constructor(options: MirrorOptions<K, V>) {
    this.#options = options;
    const restore = options.restore === true ? (id: string) => this.#living(id) : undefined;
    options.records.on(options.kind, (id, record) => this.#hear(id, record), restore);
    setInterval(() => this.#sweep(), SWEEP).unref();
  }

  /** Reads what earlier runs and other nodes have left. Rejects when the store cannot be reached. */
  async load(): Promise<void> {
    for (const [id, record] of await this.#options.records.load(this.#options.kind)) this.#hear(id, record);
  }

  get size(): number {
    return this.#held.size;
  }

  get(id: string): V | undefined {
    return this.#held.get(id)?.value;
  }

  entries(): Iterable<[id: string, held: Held<V>]> {
    return this.#held;
  }

  /** @param expires Milliseconds since 1970; null = kept. */
  async put(id: string, value: V, expires: number | null): Promise<void> {
    await this.#options.records.put(this.#options.kind, id, { value, expires });
    this.#keep(id, { value, expires });
    await this.#options.facts.known();
  }

  /** Changes what is there. Whoever removes it, here or at another node, at the same time, has the last word. */
  async replace(id: string, value: V, expires: number | null): Promise<void> {
    const record = { value, expires };
    if (!(await this.#options.records.exchange(this.#options.kind, id, 'any', record))) return this.#drop(id);
    if (this.#held.has(id)) this.#keep(id, record);
  }

  async remove(id: string): Promise<void> {
    await this.#options.records.remove(this.#options.kind, id);
    this.#drop(id);
    await this.#options.facts.known();
  }

  #living(id: string): StoredRecord | null {
    const held = this.#held.get(id);
    return held === undefined || (held.expires !== null && held.expires <= Date.now()) ? null : held;
  }

  #hear(id: string, record: StoredRecord | null): void {
    if (record === null) return this.#drop(id);
    const value = this.#options.read(record.value);
    if (value !== null) return this.#keep(id, { value, expires: record.expires });
    this.#options.log.error(
      { kind: this.#options.kind },
      'a record in the store cannot be read: it is passed over',
    );
  }

  #keep(id: string, held: Held<V>): void {
    this.#held.set(id, held);
    this.#options.facts.tell(this.#options.fact, id, this.#options.toFact(held.value));
  }

  #drop(id: string): void {
    if (this.#held.delete(id)) this.#options.facts.tell(this.#options.fact, id, null);
  }

  /** What has expired counts nowhere any more: forgetting it can wait, and may fail. */
  #sweep(): void {
    const now = Date.now();
    for (const [id, { expires }] of this.#held)
      if (expires !== null && expires + SKEW <= now) this.remove(id).catch(() => undefined);
  }
}
