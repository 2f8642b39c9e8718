import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  getField,
  getFields,
  isFieldValue,
  isToken,
  removeField,
  removeFields,
  setField,
} from '../../src/lib/fields.ts';

const name = fc.constantFrom('a', 'b', 'c');
const list = fc.array(fc.tuple(name, fc.string({ maxLength: 3 })), { maxLength: 8 });

test('lists behave like arrays of pairs', () => {
  fc.assert(
    fc.property(list, name, (pairs, which) => {
      const others = pairs.filter(([each]) => each !== which);
      const flat = pairs.flat();
      expect(getField(flat, which)).toBe(pairs.find(([each]) => each === which)?.[1]);
      expect(getFields(flat, which)).toEqual(
        pairs.filter(([each]) => each === which).map(([, text]) => text),
      );
      removeField(flat, which);
      expect(flat).toEqual(others.flat());
      const none = pairs.flat();
      removeFields(none, new Set(['a', 'b', 'c']));
      expect(none).toEqual([]);
      const changed = pairs.flat();
      setField(changed, which, 'new');
      const at = pairs.findIndex(([each]) => each === which);
      const place = at < 0 ? others.length : at;
      expect(changed).toEqual([...others.slice(0, place), [which, 'new'], ...others.slice(place)].flat());
    }),
  );
});

test('names and values that may be sent', () => {
  for (const good of ['x', 'X-a_b', "!#$%&'*+.^`|~"]) expect(isToken(good)).toBe(true);
  for (const bad of ['', ' ', 'a b', 'a:', 'ä', 'a\r', 'a\0', '(a)']) expect(isToken(bad)).toBe(false);
  for (const good of ['', 'a\tb', ' ', 'é€😀', '\x80']) expect(isFieldValue(good)).toBe(true);
  for (const bad of ['\r', '\n', '\0', 'a\x1f', '\x7f', '\x0b']) expect(isFieldValue(bad)).toBe(false);
});
