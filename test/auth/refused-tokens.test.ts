import { expect, test } from 'vitest';
import type { VerifyKey } from '../../src/auth/keys.ts';
import { RefusedTokens } from '../../src/auth/refused-tokens.ts';
import { digestOf } from '../../src/auth/token-digest.ts';

const digest = (text: string): string => digestOf('rules', text);

const keyOf = (): VerifyKey & { live: boolean } => ({ live: true }) as VerifyKey & { live: boolean };

test('a refused text is known until its time is over, and no other', () => {
  const table = new RefusedTokens();
  const key = keyOf();
  expect(table.has(digest('a'), 0)).toBe(false);
  table.add(digest('a'), key, 100);
  expect([
    table.has(digest('a'), 99),
    table.has(digest('a'), 100),
    table.has(digest('b'), 0),
    table.has(digest(''), 0),
  ]).toEqual([true, false, false, false]);
});

test('a key that was withdrawn has refused nothing', () => {
  const table = new RefusedTokens();
  const key = keyOf();
  table.add(digest('a'), key, 100);
  key.live = false;
  expect(table.has(digest('a'), 0)).toBe(false);
});

test('a flood never makes a text refused that was not', () => {
  const table = new RefusedTokens();
  const key = keyOf();
  for (let i = 0; i < 50_000; i++) table.add(digest(`forged ${i}`), key, 100);
  let known = 0;
  for (let i = 0; i < 50_000; i++) {
    if (table.has(digest(`forged ${i}`), 0)) known++;
    if (table.has(digest(`good ${i}`), 0)) expect.fail(`good ${i}`);
  }
  // As many as there is room for, nearly all of the last ones.
  expect(known).toBeGreaterThan(3_500);
  expect(known).toBeLessThanOrEqual(4_096);
});
