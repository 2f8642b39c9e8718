import { expect, test } from 'vitest';
import { getParameter, queryValue, withoutParameter } from '../../src/lib/query.ts';

test.each([
  ['a=1', '1'],
  ['b=2&a=1', '1'],
  ['ba=2&a=1&a=3', '1'],
  ['a=', ''],
  ['a=x=y&b', 'x=y'],
  ['a=%20', '%20'],
  ['a', undefined],
  ['a&=1', undefined],
  ['', undefined],
])('a of "%s" is %s', (query, value) => {
  expect(queryValue(query, 'a')).toBe(value);
});

test('a parameter is found and removed however its name is written', () => {
  expect(getParameter('a=1&%6bey=x%2By+z&key=2', 'key')).toBe('x+y z');
  expect(withoutParameter('a=1&%6bey=x&key&b=%zz', 'key')).toBe('a=1&b=%zz');
  expect(withoutParameter('a=%zz&%zz=1', 'key')).toBe('a=%zz&%zz=1');
  expect(getParameter('key', 'key')).toBe('');
  expect(getParameter('key=%zz', 'key')).toBeUndefined();
  expect(getParameter('', 'key')).toBeUndefined();
});
