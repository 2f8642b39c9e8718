import fc from 'fast-check';
import { expect, test } from 'vitest';
import { plan, type Candidate, type Health } from '../../src/upstream/plan.ts';

const targets = (health: string, priority = 0, zone: string | null = null): Candidate[] =>
  [...health].map((letter) => ({ priority, zone, weight: 1, health: KINDS[letter]! }));
const KINDS: Record<string, Health> = { w: 'well', i: 'ill', u: 'unknown' };
/** `share×members` of each level. */
const outline = (all: Candidate[], zone: string | null = null, panic = 0.5) =>
  plan(all, zone, panic).map(({ share, members }) => `${Number(share.toFixed(2))}×${members.length}`);

test.each([
  ['all well', 'www', ['1×3']],
  ['one ill', 'wwi', ['1×2']],
  ['half ill: not too few', 'wwii', ['1×2']],
  ['less than half well: all that ever were well', 'wiii', ['1×4']],
  ['never well does not count', 'wuuu', ['1×1']],
  ['never well is not used in panic', 'iiu', ['1×2']],
  ['nobody was ever well', 'uuu', []],
])('%s', (_, health, expected) => {
  expect(outline(targets(health))).toEqual(expected);
});

test('panic of 0% is none: nobody is left', () => {
  expect(outline(targets('iii'), null, 0)).toEqual([]);
  expect(outline(targets('wii'), null, 0)).toEqual(['1×1']);
});

test.each([
  ['all well: the first carries everything', 'www', 'ww', ['1×3', '0×2']],
  ['a few ill: the others reach', 'wwwi', 'ww', ['1×3', '0×2']],
  ['too few: part of it spills over', 'wii', 'ww', ['0.47×1', '0.53×2']],
  ['none: the second takes over', 'iii', 'ww', ['1×2']],
  ['none of both: the first panics', 'iii', 'ii', ['1×3', '0×2']],
  ['too few of both: each panics, for what it can', 'wii', 'wiii', ['0.57×3', '0.43×4']],
])('priorities, %s', (_, first, second, expected) => {
  expect(outline([...targets(second, 5), ...targets(first, 1)])).toEqual(expected);
});

test.each([
  ['near ones carry everything', 'ww', 'wwww', ['1×2', '0×4']],
  ['half of them ill: part of it goes abroad', 'wi', 'wwww', ['0.7×1', '0.3×4']],
  ['none of them well', 'ii', 'wwww', ['1×4']],
  ['nobody abroad', 'ww', '', ['1×2']],
])('zones, %s', (_, near, far, expected) => {
  expect(outline([...targets(near, 0, 'a'), ...targets(far, 0, 'b')], 'a')).toEqual(expected);
});

test('without a zone of its own a node makes no difference', () => {
  expect(outline([...targets('w', 0, 'a'), ...targets('w', 0, 'b')])).toEqual(['1×2']);
});

test('shares add up, nobody without weight or unknown is used, and nobody ill outside of panic', () => {
  const candidate = fc.record({
    priority: fc.integer({ min: 0, max: 2 }),
    zone: fc.constantFrom('a', 'b', null),
    weight: fc.integer({ min: 0, max: 2 }),
    health: fc.constantFrom<Health>('well', 'ill', 'unknown'),
  });
  fc.assert(
    fc.property(fc.array(candidate, { maxLength: 12 }), fc.constantFrom('a', null), (all, zone) => {
      const levels = plan(all, zone, 0.5);
      const used = levels.flatMap(({ members }) => members);
      const usable = all.filter(({ weight, health }) => weight > 0 && health !== 'unknown');
      const sum = levels.reduce((total, { share }) => total + share, 0);
      if (usable.length === 0) expect(levels).toEqual([]);
      else expect(sum).toBeCloseTo(1, 9);
      expect(new Set(used).size).toBe(used.length);
      for (const each of used) expect(usable).toContain(each);
      for (const each of usable) if (each.health === 'well') expect(used).toContain(each);
      for (const { priority } of all) {
        const peers = usable.filter((each) => each.priority === priority);
        if (2 * peers.filter(({ health }) => health === 'well').length >= peers.length && peers.length > 0)
          for (const each of used) if (each.priority === priority) expect(each.health).toBe('well');
      }
      for (const { members } of levels) expect(members.length).toBeGreaterThan(0);
    }),
  );
});
