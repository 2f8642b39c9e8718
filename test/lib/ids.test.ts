import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isRequestId, newSpanId, newTraceId, parseTraceparent } from '../../src/lib/ids.ts';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const PARENT = 'b7ad6b7169203331';

test('ids are lower-case hex of the right length and do not repeat, whatever the order of asking', () => {
  const ids = new Set<string>();
  for (let i = 0; i < 20_000; i++) {
    const id = i % 3 === 0 ? newSpanId() : newTraceId();
    expect(id).toMatch(i % 3 === 0 ? /^[0-9a-f]{16}$/ : /^[0-9a-f]{32}$/);
    ids.add(id);
  }
  expect(ids.size).toBe(20_000);
});

test('every digit is used about equally often', () => {
  const counts = new Map<string, number>();
  for (let i = 0; i < 4000; i++)
    for (const digit of newTraceId()) counts.set(digit, (counts.get(digit) ?? 0) + 1);
  expect(counts.size).toBe(16);
  // 8,000 expected each; six standard deviations are about 520.
  for (const count of counts.values()) expect(Math.abs(count - 8000)).toBeLessThan(520);
});

test.each(['a', 'A-Z0.9_~+/=:@-', 'x'.repeat(128)])('%s may be a request id', (id) => {
  expect(isRequestId(id)).toBe(true);
});

test.each(['', 'x'.repeat(129), 'a b', 'a\n', 'a"', 'a\\', 'é', 'a,b', 'a;b', '<a>', '\0'])(
  '%j may not',
  (id) => expect(isRequestId(id)).toBe(false),
);

test.each([
  `00-${TRACE}-${PARENT}-01`,
  `00-${TRACE}-${PARENT}-00`,
  `00-${TRACE}-${PARENT}-ff`,
  `01-${TRACE}-${PARENT}-01`,
  `cc-${TRACE}-${PARENT}-01-what-the-future-will-be-like`,
  `fe-${TRACE}-${PARENT}-01-`,
])('%s continues its trace', (value) => {
  expect(parseTraceparent(value)).toBe(TRACE);
});

test.each([
  '',
  `ff-${TRACE}-${PARENT}-01`,
  `00-${'0'.repeat(32)}-${PARENT}-01`,
  `00-${TRACE}-${'0'.repeat(16)}-01`,
  `00-${TRACE.toUpperCase()}-${PARENT}-01`,
  `00-${TRACE}-${PARENT}-01-extra`,
  `00-${TRACE}-${PARENT}-01-`,
  `cc-${TRACE}-${PARENT}-01.what-the-future-will-be-like`,
  `00-${TRACE}-${PARENT}-1`,
  `00-${TRACE}-${PARENT}-01 `,
  ` 00-${TRACE}-${PARENT}-01`,
  `00-${TRACE}-${PARENT}-01\n`,
  `00-${TRACE}-${PARENT}`,
  `0-${TRACE}-${PARENT}-01`,
  `00_${TRACE}-${PARENT}-01`,
  `00-${TRACE}-${PARENT}-0x`,
  `00-${TRACE}-${PARENT}-01,00-${TRACE}-${PARENT}-01`,
])('%j starts a new trace', (value) => {
  expect(parseTraceparent(value)).toBeNull();
});

test('one changed character of a version 00 value never yields another trace than the one written', () => {
  const value = `00-${TRACE}-${PARENT}-01`;
  fc.assert(
    fc.property(fc.nat(value.length - 1), fc.string({ minLength: 1, maxLength: 1 }), (at, character) => {
      const changed = value.slice(0, at) + character + value.slice(at + 1);
      const found = parseTraceparent(changed);
      expect(found === null || found === changed.slice(3, 35)).toBe(true);
    }),
  );
});
