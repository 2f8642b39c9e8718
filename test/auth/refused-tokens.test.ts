import { expect, test } from 'vitest';
import { RefusedTokens } from '../../src/auth/refused-tokens.ts';
import { digestOf } from '../../src/auth/token-digest.ts';

const digest = (text: string): string => digestOf('rules', text);

test('a refused text is known until its time is over, and no other', () => {
  const table = new RefusedTokens();
  expect(table.has(digest('a'), 0)).toBe(false);
  table.add(digest('a'), 100, table.epoch);
  expect([
    table.has(digest('a'), 99),
    table.has(digest('a'), 100),
    table.has(digest('b'), 0),
    table.has(digest(''), 0),
  ]).toEqual([true, false, false, false]);
});

test('when keys have changed, what was refused before is refused no more, nor what is refused by the old ones', () => {
  const table = new RefusedTokens();
  const { epoch } = table;
  table.add(digest('a'), 100, epoch);
  table.forget();
  table.add(digest('b'), 100, epoch);
  expect([table.has(digest('a'), 0), table.has(digest('b'), 0)]).toEqual([false, false]);
  table.add(digest('a'), 100, table.epoch);
  expect(table.has(digest('a'), 0)).toBe(true);
});

test('a flood never makes a text refused that was not', () => {
  const table = new RefusedTokens();
  for (let i = 0; i < 50_000; i++) table.add(digest(`forged ${i}`), 100, table.epoch);
  let known = 0;
  for (let i = 0; i < 50_000; i++) {
    if (table.has(digest(`forged ${i}`), 0)) known++;
    if (table.has(digest(`good ${i}`), 0)) expect.fail(`good ${i}`);
  }
  // As many as there is room for, nearly all of the last ones.
  expect(known).toBeGreaterThan(3_500);
  expect(known).toBeLessThanOrEqual(4_096);
});
