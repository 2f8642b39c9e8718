import fc from 'fast-check';
import { expect, test } from 'vitest';
import { cookieValue, removeCookie } from '../../src/lib/cookie.ts';
import { getFields } from '../../src/lib/fields.ts';

test.each([
  ['a=1', '1'],
  ['b=2; a=1', '1'],
  ['b=2;a=1; c=3', '1'],
  ['ba=2; a=1', '1'],
  ['b=a=9; a=1', '1'],
  ['a="1"', '1'],
  ['a=', ''],
  ['a=x=y', 'x=y'],
  ['a', undefined],
  ['A=1', undefined],
  ['b=" a=9"', undefined],
  ['', undefined],
])('the cookie a of "%s" is %s', (field, value) => {
  expect(cookieValue([field], 'a')).toBe(value);
});

test('the first of several fields that has it counts', () => {
  expect(cookieValue(['b=1', 'a=2', 'a=3'], 'a')).toBe('2');
});

test('it agrees with splitting the whole field', () => {
  const name = fc.stringMatching(/^[ab-]{1,3}$/);
  const pairs = fc.array(fc.tuple(name, fc.stringMatching(/^[ab=-]{0,4}$/)), { maxLength: 5 });
  fc.assert(
    fc.property(pairs, name, fc.constantFrom('; ', ';', ';  '), (list, wanted, glue) => {
      const field = list.map(([key, value]) => `${key}=${value}`).join(glue);
      expect(cookieValue([field], wanted)).toBe(list.find(([key]) => key === wanted)?.[1]);
    }),
  );
});

test('a cookie that was removed is not found, and the others are as before', () => {
  const name = fc.constantFrom('sid', 'side', 'xsid', 'a');
  fc.assert(
    fc.property(fc.array(fc.tuple(name, fc.stringMatching(/^[a-z=]{0,5}$/)), { maxLength: 6 }), (pairs) => {
      const list = ['cookie', pairs.map(([key, value]) => `${key}=${value}`).join('; '), 'x-a', 'b'];
      const others = ['side', 'xsid', 'a'].map((each) => cookieValue(getFields(list, 'cookie'), each));
      removeCookie(list, 'sid');
      expect(cookieValue(getFields(list, 'cookie'), 'sid')).toBeUndefined();
      expect(['side', 'xsid', 'a'].map((each) => cookieValue(getFields(list, 'cookie'), each))).toEqual(
        others,
      );
      expect(list.slice(-2)).toEqual(['x-a', 'b']);
    }),
  );
});

test('a field that held nothing else goes with its cookie', () => {
  const list = ['cookie', 'sid=1', 'cookie', ' a=b ;sid="2"; c=d', 'cookie', 'sid=3; sid=4'];
  removeCookie(list, 'sid');
  expect(list).toEqual(['cookie', 'a=b; c=d']);
});
