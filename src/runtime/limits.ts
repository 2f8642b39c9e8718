import type { StoreConfig } from '../contracts/store.ts';
import type { Bucket, LimitRule, LimitStore } from '../contracts/stores.ts';

/** A store of limits somewhere else, which takes a moment to reach. */
export interface RemoteLimits extends LimitStore {
  /** Settles when it can be asked or will not be waited for; never rejects. */
  ready(): Promise<void>;
}

/** How long requests that began under an older configuration may go on counting where they began. */
const LINGER = 60_000;

/**
 * The store that the configuration names. Buckets are bound where the newest configuration says; a store whose
 * address has changed is left when the requests that count in it are over.
 */
export class Limits implements LimitStore {
  readonly #embedded: LimitStore;
  readonly #open: (config: StoreConfig) => RemoteLimits;
  /** By the configuration that they were opened for. */
  readonly #remote = new Map<string, RemoteLimits>();
  #present: RemoteLimits | null = null;

  constructor(embedded: LimitStore, open: (config: StoreConfig) => RemoteLimits) {
    this.#embedded = embedded;
    this.#open = open;
  }

  /** Binds from now on where this configuration says. */
  use(config: StoreConfig): void {
    this.#present = null;
    if (config.kind === 'embedded') return;
    const identity = JSON.stringify(config);
    let store = this.#remote.get(identity);
    if (store === undefined) this.#remote.set(identity, (store = this.#open(config)));
    this.#present = store;
  }

  /** This configuration is served: others are closed, later. */
  settle(config: StoreConfig): void {
    const served = JSON.stringify(config);
    for (const [identity, store] of this.#remote) {
      if (identity === served) continue;
      this.#remote.delete(identity);
      setTimeout(() => void store.close(), LINGER).unref();
    }
  }

  async ready(): Promise<void> {
    await this.#present?.ready();
  }

  bucket(rule: LimitRule): Bucket {
    return (this.#present ?? this.#embedded).bucket(rule);
  }

  async close(): Promise<void> {
    await Promise.all([this.#embedded, ...this.#remote.values()].map((store) => store.close()));
  }
}
