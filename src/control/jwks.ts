import type { Logger } from 'pino';
import { isSymmetric, readJwk } from '../auth/keys.ts';
import type { GatewayConfig } from '../contracts/config.ts';
import type { Facts } from '../contracts/facts.ts';
import { fetchJson, type Fetched } from './fetch-json.ts';
import type { Outcome } from './publish.ts';

/** In milliseconds. */
export interface JwksTimes {
  /** Without a Cache-Control of the issuer. */
  readonly refresh: number;
  readonly shortest: number;
  readonly longest: number;
  /** After the first failure; doubled with each further one, up to `refresh`. */
  readonly retry: number;
  /** Between the beginnings of two attempts that unknown keys give rise to. */
  readonly unknownKid: number;
  readonly timeout: number;
}

const TIMES: JwksTimes = {
  refresh: 300_000,
  shortest: 60_000,
  longest: 3_600_000,
  retry: 1_000,
  unknownKid: 30_000,
  timeout: 5_000,
};

type Jwk = Readonly<Record<string, unknown>>;

/** One key set and what is known of it. */
interface Source {
  readonly url: string;
  keys: readonly Jwk[] | null;
  /** When the last attempt began, in milliseconds since 1970. */
  askedAt: number;
  failures: number;
  running: boolean;
  timer: NodeJS.Timeout | undefined;
  /** What was told of keys that cannot be used: said once, not at every refresh. */
  told: string;
}

/**
 * Fetches the key sets of token issuers, once for the whole node, and tells the workers. What was fetched last stays
 * while an issuer cannot be reached.
 */
export class JwksFetcher {
  readonly #facts: Facts;
  readonly #log: Logger;
  readonly #times: JwksTimes;
  readonly #sources = new Map<string, Source>();

  constructor(facts: Facts, log: Logger, times: Partial<JwksTimes> = {}) {
    this.#facts = facts;
    this.#log = log;
    this.#times = { ...TIMES, ...times };
    facts.on('unknown-kid', (url) => {
      const source = this.#sources.get(url);
      if (source !== undefined && Date.now() - source.askedAt >= this.#times.unknownKid) this.#ask(source);
    });
  }

  /** Knows the key sets of these configurations from now on, and no others: those not known yet are asked for at once. */
  follow(...configs: readonly GatewayConfig[]): void {
    const urls = new Set(configs.flatMap(jwksUrls));
    for (const [url, source] of this.#sources) if (!urls.has(url)) this.#forget(source);
    for (const url of urls) {
      if (this.#sources.has(url)) continue;
      const source: Source = {
        url,
        keys: null,
        askedAt: 0,
        failures: 0,
        running: false,
        timer: undefined,
        told: '',
      };
      this.#sources.set(url, source);
      this.#ask(source);
    }
  }

  /**
   * A publication that follows: key sets are asked for before workers need them, and forgotten with the last
   * configuration that named them.
   */
  around(
    first: GatewayConfig,
    publish: (next: GatewayConfig) => Promise<Outcome>,
  ): (next: GatewayConfig) => Promise<Outcome> {
    let served = first;
    return async (next) => {
      this.follow(served, next);
      const outcome = await publish(next);
      if (outcome.ok) served = next;
      this.follow(served);
      return outcome;
    };
  }

  /** Ends all refreshing. */
  close(): void {
    for (const source of this.#sources.values()) this.#forget(source);
  }

  #forget(source: Source): void {
    clearTimeout(source.timer);
    this.#sources.delete(source.url);
    this.#facts.tell('jwks', source.url, null);
  }

  #ask(source: Source): void {
    if (source.running) return;
    clearTimeout(source.timer);
    source.running = true;
    source.askedAt = Date.now();
    void fetchJson(source.url, this.#times.timeout).then((fetched) => {
      source.running = false;
      if (this.#sources.get(source.url) === source) this.#take(source, fetched);
    });
  }

  #take(source: Source, fetched: Fetched): void {
    const found = 'problem' in fetched ? fetched.problem : this.#usable(source, fetched.value);
    if (typeof found === 'string') {
      source.failures++;
      // Said at the first failure and rarely after it.
      if ((source.failures & (source.failures - 1)) === 0)
        this.#log.warn({ url: source.url, reason: found }, 'key set cannot be fetched');
    } else {
      if (source.failures > 0) this.#log.info({ url: source.url }, 'key set is fetched again');
      source.failures = 0;
      source.keys = found;
    }
    const askAgainAt = source.askedAt + this.#times.unknownKid;
    const current = source.failures === 0;
    this.#facts.tell('jwks', source.url, { keys: source.keys, askAgainAt, current });
    source.timer = setTimeout(() => this.#ask(source), this.#pause(source, fetched));
    source.timer.unref();
  }

  #pause({ failures }: Source, fetched: Fetched): number {
    const { refresh, shortest, longest, retry } = this.#times;
    if (failures > 0) return Math.min(refresh, retry * 2 ** Math.min(failures - 1, 16));
    const wanted = 'maxAge' in fetched ? (fetched.maxAge ?? refresh) : refresh;
    return Math.min(longest, Math.max(shortest, wanted));
  }

  /** The keys of a set that can be used, without what they need not tell; text = it is no set. */
  #usable(source: Source, set: unknown): readonly Jwk[] | string {
    const listed = (set as { keys?: unknown } | null)?.keys;
    if (!Array.isArray(listed)) return 'it is not a key set (no list "keys")';
    const skipped: { kid: unknown; reason: string }[] = [];
    const usable = (listed as unknown[]).slice(0, MOST_KEYS).flatMap((jwk): Jwk[] => {
      const key = readJwk(jwk);
      const reason = typeof key === 'string' ? key : [...key.algorithms].some(isSymmetric) ? SHARED : null;
      if (reason === null && typeof key !== 'string') return [publicPart(jwk as Jwk, key.jwk)];
      skipped.push({ kid: (jwk as Jwk | null)?.kid, reason: String(reason) });
      return [];
    });
    const told = JSON.stringify(skipped);
    if (skipped.length > 0 && told !== source.told)
      this.#log.warn({ url: source.url, skipped }, 'keys of a set cannot be used');
    source.told = told;
    return usable;
  }
}

const MOST_KEYS = 100;
const SHARED = 'it is a shared secret, and everybody can fetch it';

function publicPart({ kid, alg }: Jwk, bare: string): Jwk {
  return {
    ...(JSON.parse(bare) as Jwk),
    ...(kid === undefined ? {} : { kid }),
    ...(alg === undefined ? {} : { alg }),
  };
}

/** URLs of all key sets that a configuration names. */
export function jwksUrls({ policies, routes }: GatewayConfig): string[] {
  return [policies, ...routes.map((route) => route.policies)].flatMap(({ jwt }) => {
    const issuers = (jwt as { issuers?: readonly { jwksUrl?: string }[] } | false | undefined) || {};
    return (issuers.issuers ?? []).flatMap(({ jwksUrl }) => (jwksUrl === undefined ? [] : [jwksUrl]));
  });
}
