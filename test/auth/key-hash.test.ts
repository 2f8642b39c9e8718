import fc from 'fast-check';
import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { makeDirectory } from '../../src/auth/directory.ts';
import { key as keyAuth } from '../../src/auth/key.ts';
import { fits, newKey, parseKeyHash, prefixOf } from '../../src/auth/key-hash.ts';
import type { AuthSite } from '../../src/contracts/auth.ts';
import { consumer, keyHash } from '../../src/contracts/consumer.ts';
import { inertAuth } from '../../src/lib/inert.ts';
import { exchange } from '../policies/exchange.ts';

test('a key has at least 160 random bits, and its hash is what the README says', () => {
  const { key, hash, prefix } = newKey();
  const [, shown = '', secret = ''] = key.split('_');
  expect(shown).toBe(prefix);
  expect(secret.length * Math.log2(62)).toBeGreaterThan(160);
  expect(keyHash.parse(hash)).toBe(hash);
  const [, , salt = '', hex = ''] = hash.split(':');
  expect(createHash('sha256').update(`${salt}:${key}`).digest('hex')).toBe(hex);
  expect(newKey().key).not.toBe(key);
});

test('only the key itself fits its hash', () => {
  const { key, hash } = newKey();
  const stored = parseKeyHash(hash);
  expect(fits(key, stored)).toBe(true);
  fc.assert(
    fc.property(fc.nat(key.length - 1), fc.string({ minLength: 1, maxLength: 1 }), (at, letter) => {
      const other = key.slice(0, at) + letter + key.slice(at + 1);
      expect(fits(other, stored)).toBe(other === key);
    }),
  );
});

test('a placeholder fits nothing, and nothing makes a look-up throw', () => {
  const placeholder = parseKeyHash('sha256:PREFIX:SALT:HEX');
  fc.assert(
    fc.property(fc.string({ maxLength: 400 }), (text) => {
      expect(fits(text, placeholder)).toBe(false);
      const prefix = prefixOf(text);
      if (prefix !== null) expect(text).toContain(`_${prefix}_`);
    }),
  );
  expect(prefixOf(`sk_a_${'x'.repeat(300)}`)).toBeNull();
});

/** Looks at keys through the authenticator itself, as a request does. */
function lookup(consumers: AuthSite['consumers']) {
  const site: AuthSite = { route: { id: 'r', upstreamId: null }, consumers, services: inertAuth };
  const check = keyAuth.compile(keyAuth.schema.parse({}), site);
  return (key: string) => check(exchange({ headers: ['x-api-key', key] }));
}

test('an unknown prefix takes as long as a known one with a wrong or a right secret', () => {
  const made = Array.from({ length: 1_000 }, newKey);
  const keys = made.map(({ hash }, i) => ({ id: `k${i}`, hash }));
  const look = lookup(makeDirectory([consumer.parse({ id: 'alice', keys })]));
  const right = made.map(({ key }) => key);
  const wrong = right.map((key) => `${key.slice(0, -8)}00000000`);
  const unknown = Array.from({ length: 1_000 }, () => newKey().key);
  expect(look(right[0]!)).toMatchObject({ consumer: 'alice', keyId: 'alice/k0' });
  expect(look(wrong[0]!)).toMatchObject({ code: 'unauthorized' });
  expect(look(unknown[0]!)).toEqual(look(wrong[0]!));

  // Interleaved, and the fastest of many rounds of each: what else the machine does only ever adds.
  const best = new Map<string[], number>();
  for (let round = 0; round < 60; round++)
    for (const group of [right, wrong, unknown]) {
      const start = performance.now();
      for (const key of group) void look(key);
      best.set(group, Math.min(best.get(group) ?? Infinity, performance.now() - start));
    }
  const times = [right, wrong, unknown].map((group) => best.get(group)!);
  const [, , unknownTime] = times;
  // One of them a quarter cheaper would show over a network; a hash left out would be three quarters cheaper.
  expect(Math.min(...times) / Math.max(...times)).toBeGreaterThan(0.6);
  expect(unknownTime).toBeLessThan(1.5 * times[0]!);
});
