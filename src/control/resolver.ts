import { lookup, Resolver as DnsResolver } from 'node:dns/promises';

/** What a name stands for, and for how long that is said to be so (milliseconds, null = nobody says). */
export interface Found {
  readonly addresses: readonly string[];
  readonly ttl: number | null;
}

/** Rejects, or finds nothing, when the name cannot be resolved now. */
export type Lookup = (name: string) => Promise<Found>;

/**
 * As the system does it (hosts file, search domains). That tells no time to live: the name servers are asked for it
 * beside, and believed when they say the same as the system.
 */
export const systemLookup: Lookup = async (name) => {
  const [found, ttl] = await Promise.all([lookup(name, { all: true }), askTtl(name)]);
  return { addresses: found.map(({ address }) => address), ttl };
};

async function askTtl(name: string): Promise<number | null> {
  const resolver = new DnsResolver({ timeout: 1_000, tries: 1 });
  try {
    const records = await resolver.resolve4(name, { ttl: true });
    return records.length === 0 ? null : 1_000 * Math.min(...records.map(({ ttl }) => ttl));
  } catch {
    return null;
  }
}

/** Bounds of the time between two look-ups of a name, in milliseconds, and what it is when no server tells it. */
export interface Pace {
  readonly shortest: number;
  readonly usual: number;
  readonly longest: number;
}

const PACE: Pace = { shortest: 1_000, usual: 10_000, longest: 60_000 };

interface Name {
  /** Empty before the first answer. */
  addresses: readonly string[];
  timer: NodeJS.Timeout | null;
  /** The first look-up, whatever came of it. */
  first: Promise<void>;
}

/** Keeps the addresses of names: asks again and again, and keeps the last good answer while there is none. */
export class NameWatch {
  readonly #names = new Map<string, Name>();
  readonly #changed: (name: string, addresses: readonly string[] | null) => void;
  readonly #failed: (name: string) => void;
  readonly #lookup: Lookup;
  readonly #pace: Pace;

  /**
   * @param changed `addresses` null = the name is not watched any more.
   * @param failed Told each time that a name cannot be resolved.
   */
  constructor(
    changed: (name: string, addresses: readonly string[] | null) => void,
    failed: (name: string) => void,
    lookupOf: Lookup = systemLookup,
    pace: Pace = PACE,
  ) {
    this.#changed = changed;
    this.#failed = failed;
    this.#lookup = lookupOf;
    this.#pace = pace;
  }

  /** From now on these names are watched and no others. Resolves when each was looked up at least once. */
  async follow(names: ReadonlySet<string>): Promise<void> {
    for (const [name, { timer, addresses }] of this.#names) {
      if (names.has(name)) continue;
      if (timer !== null) clearTimeout(timer);
      this.#names.delete(name);
      if (addresses.length > 0) this.#changed(name, null);
    }
    for (const name of names) if (!this.#names.has(name)) this.#begin(name);
    await Promise.all([...this.#names.values()].map(({ first }) => first));
  }

  /** Undefined = not known so far. */
  addresses(name: string): readonly string[] | undefined {
    const addresses = this.#names.get(name)?.addresses;
    return addresses === undefined || addresses.length === 0 ? undefined : addresses;
  }

  close(): void {
    for (const { timer } of this.#names.values()) if (timer !== null) clearTimeout(timer);
    this.#names.clear();
  }

  #begin(name: string): void {
    const entry: Name = { addresses: [], timer: null, first: Promise.resolve() };
    this.#names.set(name, entry);
    entry.first = this.#look(name, entry);
  }

  async #look(name: string, entry: Name): Promise<void> {
    const found = await this.#lookup(name).catch(() => null);
    if (this.#names.get(name) !== entry) return;
    if (found === null || found.addresses.length === 0) this.#failed(name);
    else this.#take(name, entry, found.addresses);
    const { shortest, usual, longest } = this.#pace;
    const wait = Math.min(Math.max(found?.ttl ?? usual, shortest), longest);
    entry.timer = setTimeout(() => void this.#look(name, entry), wait);
    entry.timer.unref();
  }

  /** Servers rotate their answers: only another set is a change. */
  #take(name: string, entry: Name, found: readonly string[]): void {
    const addresses = [...new Set(found)].sort();
    if (addresses.join() === entry.addresses.join()) return;
    entry.addresses = addresses;
    this.#changed(name, addresses);
  }
}
