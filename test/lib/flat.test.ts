import fc from 'fast-check';
import { expect, test } from 'vitest';
import { flat } from '../../src/lib/flat.ts';

test('a flat text is the same text', () => {
  expect(flat('x-forwarded-for: \u010a\u010dx')).toBe('x-forwarded-for: \u010a\u010dx');
  const texts = fc.oneof(fc.string(), fc.string({ unit: 'grapheme' }), fc.string({ unit: 'binary' }));
  fc.assert(fc.property(texts, (text) => flat(text) === text));
  expect(flat('\ud800')).toBe('\ufffd');
});
