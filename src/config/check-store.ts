import { parseRedisUrl, type RedisUrl } from '../stores/redis-url.ts';
import { checkTls } from './check-tls.ts';
import type { Path, Report } from './mistakes.ts';
import { isMap, mapOf, textsOf, type Raw } from './raw.ts';

/** Keys of which exactly one says where Redis is. */
const PLACES = ['url', 'urls', 'sentinel'];
/** Keys that say something of a Redis. */
const REDIS_ONLY = [...PLACES, 'cluster', 'username', 'password', 'db', 'tls', 'nodes'];

/** Checks what must fit together in `store`. `warn`: what is served all the same, but hardly meant so. */
export function checkStore(data: Raw, report: Report, warn: Report): void {
  const store = mapOf(data.store);
  if (store.kind !== 'redis') {
    for (const key of REDIS_ONLY)
      if (store[key] !== undefined)
        report(['store', key], `only Redis has it: write kind: redis, or remove ${key}`, 'key');
    return;
  }
  checkPlace(store, report);
  const found = addresses(store, report);
  checkSchemes(store, found, report);
  checkAddressed(store, found, report);
  if (isMap(store.tls)) checkTls(store.tls, ['store', 'tls'], report);
  if (store.nodes === undefined)
    warn(
      ['store'],
      'no nodes: a gateway that starts without its Redis takes itself for the only one, and enforces whole limits: add nodes: NUMBER',
    );
}

function checkPlace(store: Raw, report: Report): void {
  const given = PLACES.filter((key) => store[key] !== undefined);
  if (given.length === 0)
    report(
      ['store'],
      'kind redis needs an address: add url: redis://host:port (or sentinel, or SLUICE_REDIS_URL)',
    );
  if (given.length > 1) report(['store', given[0]!], `${given.join(' and ')} exclude each other: keep one`);
  if (store.urls !== undefined && store.cluster !== true)
    report(
      ['store', 'urls'],
      'several addresses are those of a cluster: add cluster: true, or write one url',
      'key',
    );
  if (store.cluster === true && store.sentinel !== undefined)
    report(['store', 'cluster'], 'a cluster needs no sentinel: remove one of them', 'key');
}

type Found = readonly (readonly [path: Path, url: RedisUrl])[];

/** The addresses that can be read; the others are reported. */
function addresses(store: Raw, report: Report): Found {
  const texts: (readonly [Path, string])[] = [
    ...textsOf([store.url]).map(([, text]) => [['store', 'url'], text] as const),
    ...textsOf(store.urls).map(([i, text]) => [['store', 'urls', i], text] as const),
    ...textsOf(mapOf(store.sentinel).urls).map(
      ([i, text]) => [['store', 'sentinel', 'urls', i], text] as const,
    ),
  ];
  return texts.flatMap(([path, text]) => {
    const url = parseRedisUrl(text);
    if (typeof url !== 'string') return [[path, url] as const];
    report(path, url);
    return [];
  });
}

function checkSchemes(store: Raw, found: Found, report: Report): void {
  const odd = found.find(([, { tls }]) => tls !== found[0]![1].tls);
  if (odd !== undefined) report(odd[0], 'some addresses say redis:// and some rediss://: use one of them');
  else if (isMap(store.tls) && found.length > 0 && !found[0]![1].tls)
    report(['store', 'tls'], 'no address uses it: write rediss://, or remove tls', 'key');
}

/** What may stand in the address or beside it, but not in both. */
function checkAddressed(store: Raw, found: Found, report: Report): void {
  for (const [path, url] of found) {
    if (path[1] === 'sentinel') {
      if (url.db >= 0) report(path, 'a sentinel has no databases: write db beside sentinel');
      continue;
    }
    const beside = { username: url.username !== '', password: url.password !== '', db: url.db >= 0 };
    for (const [key, inside] of Object.entries(beside))
      if (inside && store[key] !== undefined)
        report(['store', key], `the address says it too: remove it here or there`, 'key');
    if (store.cluster === true && url.db > 0)
      report(path, 'a cluster has database 0 only: remove the number after the host');
  }
  if (store.cluster === true && Number(store.db ?? 0) > 0)
    report(['store', 'db'], 'a cluster has database 0 only: remove db', 'key');
}
