import type { Consumers, StoredKey, StoredLogin } from '../contracts/auth.ts';
import type { Consumer } from '../contracts/consumer.ts';
import { makeIdentity } from '../lib/identity.ts';
import { parseKeyHash } from './key-hash.ts';
import { hashOfNobody } from './password.ts';

const NO_KEYS: readonly StoredKey[] = [];

/** The consumers of a configuration, found by id, by the prefix of a key, or by user name. Throws when two share a name. */
export function makeDirectory(consumers: readonly Consumer[]): Consumers {
  const byId = new Map<string, Consumer>();
  const keys = new Map<string, StoredKey[]>();
  const logins = new Map<string, StoredLogin>();
  for (const consumer of consumers) {
    if (byId.has(consumer.id)) throw new Error(`two consumers have the id ${consumer.id}`);
    byId.set(consumer.id, consumer);
    for (const key of storedKeys(consumer)) {
      const same = keys.get(key.prefix);
      if (same === undefined) keys.set(key.prefix, [key]);
      else same.push(key);
    }
    const { basic, id, groups } = consumer;
    if (basic === undefined) continue;
    const username = basic.username ?? id;
    if (logins.has(username)) throw new Error(`two consumers have the user name ${username}`);
    logins.set(username, {
      identity: makeIdentity({ consumer: id, user: username, groups }),
      hash: basic.hash,
    });
  }
  return {
    get: (id) => byId.get(id),
    keys: (prefix) => keys.get(prefix) ?? NO_KEYS,
    login: (username) => logins.get(username),
    nobody: hashOfNobody([...logins.values()].map(({ hash }) => hash)),
  };
}

const storedKeys = ({ id, groups, keys }: Consumer): StoredKey[] =>
  keys.map((key) => ({
    ...parseKeyHash(key.hash),
    id: key.id,
    identity: makeIdentity({ consumer: id, groups, keyId: `${id}/${key.id}` }),
    expires: key.expires === undefined ? Infinity : Date.parse(key.expires),
  }));
