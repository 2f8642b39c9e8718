import { expect, test } from 'vitest';
import { load } from './modules.ts';

const { readOptions } = await load('options');
const names = ['S1', 'S2', 'S8'];

test('without arguments everything is measured and written down', () => {
  const expected = { chosen: names, rounds: 5, seconds: 4, wanted: undefined, gate: undefined, saves: true };
  expect(readOptions([], names)).toMatchObject(expected);
});

test('arguments choose', () => {
  const args = '--only S8 --rounds 3 --proxies sluice,nginx --gate 2.5 --no-results'.split(' ');
  const expected = { chosen: ['S8'], rounds: 3, wanted: ['sluice', 'nginx'], gate: 2.5, saves: false };
  expect(readOptions(args, names)).toMatchObject(expected);
});

test.each([
  [['--only', 'S3'], /no such scenario: S3 \(S1, S2, S8\)/],
  [['--rounds', '0'], /rounds/],
  [['--rounds', '1.5'], /rounds/],
  [['--seconds', 'x'], /seconds/],
  [['--gate', 'x'], /gate/],
  [['--proxies', 'sluice,haproxy'], /nginx/],
  [['--unheard-of'], /unheard-of/],
])('%j is refused', (args, message) => {
  expect(() => readOptions(args, names)).toThrow(message);
});
