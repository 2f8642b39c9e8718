import { expect, test } from 'vitest';
import { queryValue } from '../../src/lib/query.ts';

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
