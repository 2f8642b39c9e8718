import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { editDistance, suggest } from '../../src/config/suggest.ts';

describe('edit distance', () => {
  test.each([
    ['', '', 0],
    ['a', '', 1],
    ['upstrem', 'upstream', 1],
    ['drian', 'drain', 1],
    ['kitten', 'sitting', 3],
  ])('%s to %s is %i', (a, b, distance) => {
    expect(editDistance(a, b)).toBe(distance);
  });

  const word = fc.string({ maxLength: 8, unit: fc.constantFrom(...'abc') });
  test('is symmetric, zero for equals, and within the bounds of the lengths', () => {
    fc.assert(
      fc.property(word, word, (a, b) => {
        const d = editDistance(a, b);
        expect(d).toBe(editDistance(b, a));
        expect(d === 0).toBe(a === b);
        expect(d).toBeGreaterThanOrEqual(Math.abs(a.length - b.length));
        expect(d).toBeLessThanOrEqual(Math.max(a.length, b.length));
      }),
    );
  });

  test('one edit is distance 1 at most', () => {
    fc.assert(
      fc.property(word, fc.nat(), (text, n) => {
        const i = n % (text.length + 1);
        const edits = [
          text.slice(0, i) + 'x' + text.slice(i),
          text.slice(0, i) + text.slice(i + 1),
          text.slice(0, i) +
            text
              .slice(i, i + 2)
              .split('')
              .reverse()
              .join('') +
            text.slice(i + 2),
        ];
        for (const edited of edits) expect(editDistance(text, edited)).toBeLessThanOrEqual(1);
      }),
    );
  });
});

test('a near word is suggested, a far one is not', () => {
  const known = ['upstream', 'upstreams', 'routes', 'GET'];
  expect(suggest('upstrem', known)).toBe('upstream');
  expect(suggest('Routes', known)).toBe('routes');
  expect(suggest('get', known)).toBe('GET');
  expect(suggest('zebra', known)).toBeUndefined();
  expect(suggest('x'.repeat(10_000), known)).toBeUndefined();
});
