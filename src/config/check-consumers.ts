import { PLACEHOLDER_HASH } from '../contracts/consumer.ts';
import type { Path, Report } from './mistakes.ts';
import { isMap, listOf, mapOf, type Raw } from './raw.ts';

/** Checks what consumers must not share, and warns of credentials that nobody can use. */
export function checkConsumers(data: Raw, report: Report, warn: Report): void {
  const names = new Set<unknown>();
  for (const [i, consumer] of listOf(data.consumers).entries()) {
    if (!isMap(consumer)) continue;
    checkKeys(consumer.keys, ['consumers', i, 'keys'], report, warn);
    if (!isMap(consumer.basic)) continue;
    const { username = consumer.id } = consumer.basic;
    if (names.has(username))
      report(['consumers', i, 'basic'], 'another consumer has this user name: give each its own');
    names.add(username);
  }
}

function checkKeys(keys: unknown, path: Path, report: Report, warn: Report): void {
  const ids = new Set<unknown>();
  for (const [i, key] of listOf(keys).entries()) {
    const { id, hash, expires } = mapOf(key);
    if (typeof id === 'string' && ids.has(id))
      report([...path, i, 'id'], `the id "${id}" is taken by a key above: rename one`);
    ids.add(id);
    if (hash === PLACEHOLDER_HASH)
      warn([...path, i, 'hash'], 'a placeholder, which no key fits: run "sluice key new" for a hash');
    if (typeof expires === 'string' && Date.parse(expires) <= Date.now())
      warn([...path, i, 'expires'], 'this key has expired: remove it');
  }
}
