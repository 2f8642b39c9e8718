import fc from 'fast-check';
import { expect, test } from 'vitest';
import { dashed, NameSet } from '../../src/lib/name-set.ts';

const name = fc.string({ unit: fc.constantFrom('a', 'b', '-', '_'), minLength: 1, maxLength: 70 });

test('holds exactly its names, `_` counting as `-`', () => {
  fc.assert(
    fc.property(fc.array(name, { maxLength: 6 }), name, (names, asked) => {
      const set = new NameSet(names);
      for (const each of names)
        expect([set.has(each), set.has(each.replaceAll('-', '_'))]).toEqual([true, true]);
      expect(set.has(asked)).toBe(names.some((each) => dashed(each) === dashed(asked)));
    }),
  );
  expect(new NameSet([]).has('a')).toBe(false);
});
