import fc from 'fast-check';
import { expect, test } from 'vitest';
import { hash32, keyReader } from '../../../src/upstream/balance/hash.ts';
import { Maglev } from '../../../src/upstream/balance/maglev.ts';
import { members, request } from '../support.ts';

const KEYS = Array.from({ length: 10_000 }, (_, i) => request(`192.0.2.${i % 250}:${i}`));
const byIp = keyReader('ip');
const homes = (of: ReturnType<typeof members>) => {
  const maglev = new Maglev(of, byIp);
  return KEYS.map((x) => maglev.pick(x, null)!.id);
};

test('the same key has the same home, in whatever order the targets are written', () => {
  const all = members(1, 2, 3, 1, 1);
  expect(homes([...all].reverse())).toEqual(homes(all));
});

test('a target that goes: its keys find new homes, of the others less than 2 % move', () => {
  const all = members(1, 1, 1, 1, 1, 1, 1, 1, 1, 1);
  const before = homes(all);
  const after = homes(all.filter(({ id }) => id !== 't3'));
  expect(after).not.toContain('t3');
  const moved = before.filter((id, i) => id !== 't3' && id !== after[i]);
  expect(moved.length / KEYS.length).toBeLessThan(0.02);
});

test('a target that comes takes its share, and nearly nobody else moves', () => {
  const all = members(1, 1, 1, 1, 1, 1, 1, 1, 1, 1);
  const before = homes(all.slice(0, 9));
  const after = homes(all);
  const share = after.filter((id) => id === 't9').length / KEYS.length;
  expect(share).toBeGreaterThan(0.085);
  expect(share).toBeLessThan(0.115);
  const moved = after.filter((id, i) => id !== 't9' && id !== before[i]);
  expect(moved.length / KEYS.length).toBeLessThan(0.02);
});

test('the second choice of a key is steady, and the second choices of a target are spread', () => {
  const all = members(1, 1, 1, 1);
  const maglev = new Maglev(all, byIp);
  const mine = KEYS.filter((x) => maglev.pick(x, null) === all[0]).slice(0, 1000);
  const seconds = mine.map((x) => maglev.pick(x, [all[0]!])!.id);
  expect(mine.map((x) => maglev.pick(x, [all[0]!])!.id)).toEqual(seconds);
  for (const id of ['t1', 't2', 't3'])
    expect(seconds.filter((each) => each === id).length).toBeGreaterThan(230);
});

test('places are shared by weight, whatever the weights', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 2, maxLength: 6 }), (weights) => {
      const all = members(...weights);
      const found = homes(all);
      const total = weights.reduce((sum, each) => sum + each, 0);
      for (const [i, weight] of weights.entries()) {
        const share = found.filter((id) => id === `t${i}`).length / KEYS.length;
        expect(Math.abs(share - weight / total)).toBeLessThan(0.03);
      }
    }),
    { numRuns: 15 },
  );
});

test.each([
  ['ip', '192.0.2.1'],
  ['path', '/'],
  ['header:X-Tenant', 'acme'],
  ['cookie:sid', 's1'],
  ['query:user', '7'],
  ['header:x-none', '192.0.2.1'],
  ['cookie:none', '192.0.2.1'],
  ['query:none', '192.0.2.1'],
])('the key by %s is %s', (by, key) => {
  const x = request('192.0.2.1', ['x-tenant', 'acme', 'cookie', 'a=b; sid=s1']);
  expect(keyReader(by)({ ...x, query: 'a=1&user=7' })).toBe(key);
});

test('the hash stays what it is: clients would lose their homes', () => {
  expect([hash32(''), hash32('a'), hash32('192.0.2.1')]).toMatchInlineSnapshot(`
    [
      2872998923,
      444641715,
      1941296713,
    ]
  `);
});
