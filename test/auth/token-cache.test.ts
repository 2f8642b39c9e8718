import { expect, test } from 'vitest';
import { TokenCache, type Known } from '../../src/auth/token-cache.ts';
import { noConsumers } from '../../src/lib/inert.ts';
import { makeIdentity } from '../../src/lib/identity.ts';
import { readJwk, type VerifyKey } from '../../src/auth/keys.ts';
import { ecKey } from './support.ts';

const key = readJwk(ecKey().jwk) as VerifyKey;
const verdict = makeIdentity({ user: 'u' });
const known = (text: string, rules = 'rules'): Known => ({
  ...{ rules, text, key, verdict, consumers: noConsumers },
  ...{ from: 0, until: Infinity },
});
/** Ends in its own characters, as a signature does. */
const textOf = (n: number, length = 0) => 'x'.repeat(length) + String(n).padStart(8, '0');

/** How many of those texts are known. */
const count = (cache: TokenCache, texts: readonly string[]) =>
  texts.filter((each) => cache.find('rules', each) !== undefined).length;

test('it holds so many verdicts; what was used last stays', () => {
  const cache = new TokenCache();
  const texts = Array.from({ length: 20_001 }, (_, n) => textOf(n));
  for (const [n, each] of texts.entries()) {
    cache.accept(known(each));
    if (n === 19_999) expect(cache.find('rules', texts[0]!)).toBeDefined();
  }
  expect(count(cache, texts)).toBe(20_000);
  expect([texts[0]!, texts[1]!].map((each) => cache.find('rules', each) !== undefined)).toEqual([
    true,
    false,
  ]);
});

test('and so many bytes, however long the texts are', () => {
  const cache = new TokenCache();
  const texts = Array.from({ length: 6_000 }, (_, n) => textOf(n, 8_000));
  for (const each of texts) cache.accept(known(each));
  const bytes = count(cache, texts) * 8_008;
  expect(bytes).toBeLessThan(32 * 1024 * 1024);
  expect(bytes).toBeGreaterThan(28 * 1024 * 1024);
});

test('texts of one end, or rules of one beginning, never stand for each other', () => {
  const cache = new TokenCache();
  cache.accept(known('good-12345678'));
  expect(cache.find('rules', 'evil-12345678')).toBeUndefined();
  expect(cache.find('rule-2', 'good-12345678')).toBeUndefined();
  expect(cache.find('rules', 'good-12345678')).toMatchObject({ verdict });
});
