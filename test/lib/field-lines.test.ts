import fc from 'fast-check';
import { expect, test } from 'vitest';
import { findLine, findLines, joinLines, splitLines, withoutLines } from '../../src/lib/field-lines.ts';
import { getField, getFields, removeField } from '../../src/lib/fields.ts';

const name = fc.stringMatching(/^[!#$%&'*+\-.^_`|~0-9a-z]{1,12}$/);
const value = fc.stringMatching(/^[!-~]([ -~]{0,20}[!-~])?$/);
const list = fc.array(fc.tuple(name, value)).map((pairs) => pairs.flat());

test('a list becomes lines, and lines become the list again', () => {
  fc.assert(fc.property(list, (fields) => void expect(splitLines(joinLines(fields))).toEqual(fields)));
  expect(joinLines(['a', '1', 'b', ': 2'])).toBe('\r\na: 1\r\nb: : 2');
  expect(joinLines([])).toBe('');
  expect(splitLines('')).toEqual([]);
});

test('fields are found in lines and taken out of them as of the list', () => {
  fc.assert(
    fc.property(list, name, (fields, other) => {
      for (const each of [other, ...fields.filter((_, i) => i % 2 === 0)]) {
        const lines = joinLines(fields);
        expect(findLine(lines, each)).toBe(getField(fields, each));
        expect(findLines(lines, each)).toEqual(getFields(fields, each));
        const rest = [...fields];
        removeField(rest, each);
        expect(withoutLines(lines, each)).toBe(joinLines(rest));
      }
    }),
  );
});

test('what only looks like a field is none', () => {
  const lines = joinLines(['x-a', 'b: 1', 'x-bb', '2', 'bb', '3']);
  expect(findLine(lines, 'b')).toBeUndefined();
  expect(findLine(lines, 'bb')).toBe('3');
  expect(findLine(lines, 'a')).toBeUndefined();
});
