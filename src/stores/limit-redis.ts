import type { StoreConfig } from '../contracts/store.ts';
import type { Bucket, LimitRule, LimitStore } from '../contracts/stores.ts';
import { Authority, type LimitEvents } from './authority.ts';
import { KeyTable } from './key-table.ts';
import { FlightBucket, type Lane } from './limit-flight.ts';
import { RateBucket } from './limit-rate.ts';
import type { RateKey } from './rate-key.ts';

/** The process that counts, among all that share the store. */
export interface Place {
  /** Name of this gateway node, no other's. */
  readonly node: string;
  /** Number of this worker in its node, and how many there are. */
  readonly worker: number;
  readonly workers: number;
}

/** Milliseconds between two looks at leases that ended. */
const LOOK = 25;

/**
 * Limits counted in Redis, for many nodes together. Leases are per process for now: the workers of a node do not
 * share theirs.
 */
export class RedisLimits implements LimitStore {
  readonly #authority: Authority;
  readonly #lease: number;
  readonly #member: string;
  /** By identity of the rule: a changed configuration goes on with what is known. */
  readonly #keys = new Map<string, KeyTable<RateKey>>();
  readonly #lanes = new Map<string, Map<string, Lane>>();
  /** The newest bucket of each identity settles for all. */
  readonly #buckets = new Map<string, RateBucket | FlightBucket>();
  readonly #timer: NodeJS.Timeout;

  constructor(config: StoreConfig, { node, worker, workers }: Place, events: LimitEvents) {
    this.#member = `${node}/${String(worker)}`;
    this.#authority = new Authority(config, this.#member, workers, events);
    this.#lease = config.lease;
    this.#timer = setInterval(() => this.#look(), LOOK);
    this.#timer.unref();
  }

  bucket(rule: LimitRule): Bucket {
    const identity = `${rule.algorithm} ${rule.id}`;
    const bucket =
      rule.algorithm === 'concurrency' ? this.#flight(rule, identity) : this.#rate(rule, identity);
    this.#buckets.set(identity, bucket);
    return bucket;
  }

  /** Settles when Redis can be asked, or when that takes too long to wait for. */
  ready(): Promise<void> {
    return this.#authority.ready;
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#authority.close();
  }

  #rate(rule: LimitRule, identity: string): RateBucket {
    let keys = this.#keys.get(identity);
    if (keys === undefined) this.#keys.set(identity, (keys = new KeyTable<RateKey>()));
    return new RateBucket(rule, { authority: this.#authority, keys, lease: this.#lease });
  }

  #flight(rule: LimitRule, identity: string): FlightBucket {
    let lanes = this.#lanes.get(identity);
    if (lanes === undefined) this.#lanes.set(identity, (lanes = new Map<string, Lane>()));
    return new FlightBucket(rule, {
      authority: this.#authority,
      lanes,
      member: this.#member,
      lease: this.#lease,
    });
  }

  #look(): void {
    const now = performance.now();
    for (const bucket of this.#buckets.values()) bucket.settle(now);
  }
}
