import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Match, Wanted } from '../../src/contracts/runtime.ts';
import { buildTable } from '../../src/router/build.ts';
import { allowed, find } from '../../src/router/find.ts';
import type { Entry } from '../../src/router/table.ts';
import { modelAllowed, modelFind } from './model.ts';

/** Alphabets small enough for routes to collide on every criterion, and odd enough to hit the corners. */
const host = fc.constantFrom('x', 'a.x', 'b.a.x', 'c.b.a.x', 'a.y');
const hostPattern = fc.constantFrom('x', 'a.x', 'b.a.x', '*.x', '*.a.x', '*.b.a.x');
const literal = fc.constantFrom('a', 'b', '', 'constructor', '%2A');
const patternSegment = fc.oneof({ weight: 3, arbitrary: literal }, fc.constantFrom(':x', ':y'));
const pattern = fc
  .tuple(fc.array(patternSegment, { maxLength: 3 }), fc.constantFrom('', '', '*'))
  .map(([segments, end]) => `/${[...segments, ...(end === '' ? [] : [end])].join('/')}`);
const path = fc
  .array(fc.oneof({ weight: 8, arbitrary: literal }, fc.constantFrom('*', ':x', '__proto__', 'a.b')), {
    maxLength: 4,
  })
  .map((segments) => `/${segments.join('/')}`);
const method = fc.constantFrom('GET', 'HEAD', 'POST');

const optional = <V>(value: fc.Arbitrary<V>) => fc.option(value, { nil: undefined, freq: 2 });
const record = (name: string, value: fc.Arbitrary<string>) =>
  optional(value).map((text): Record<string, string> => (text === undefined ? {} : { [name]: text }));
const both = ([a, b]: [Record<string, string>, Record<string, string>]) => ({ ...a, ...b });
const text = fc.constantFrom('1', 'ü z', '');
const conditionPair = (names: [string, string]) =>
  fc.oneof(
    { weight: 3, arbitrary: fc.constant({}) },
    fc.tuple(record(names[0], text), record(names[1], text)).map(both),
  );

const entry: fc.Arbitrary<Omit<Entry<number>, 'value'>> = fc.record({
  hosts: fc.array(hostPattern, { maxLength: 2 }),
  paths: fc.array(pattern, { minLength: 1, maxLength: 3 }),
  methods: fc.uniqueArray(method, { maxLength: 2 }),
  headers: conditionPair(['x-a', 'x-b']),
  query: conditionPair(['q', 'r s']),
  priority: fc.integer({ min: -1, max: 1 }),
});
const wanted: fc.Arbitrary<Wanted> = fc.record({
  method,
  host,
  path,
  query: fc
    .array(
      fc.constantFrom(
        'q=1',
        'q=',
        'q',
        '%71=%31',
        'q=%C3%BC+z',
        'r+s=1',
        'r%20s=%c3%bc%20z',
        '',
        'q=1=',
        '%7=%',
      ),
      {
        maxLength: 3,
      },
    )
    .map((pairs) => pairs.join('&')),
  headers: fc
    .array(fc.constantFrom(['x-a', '1'], ['x-a', 'ü z'], ['x-b', '1'], ['x-b', ''], ['x-c', '1']), {
      maxLength: 3,
    })
    .map((fields) => fields.flat()),
});

test('route, parameters and Allow are those of the model, over 60,000 lookups', () => {
  const tally = { found: 0, allowed: 0, none: 0, head: 0, conditioned: 0 };
  const match: Match = { params: ['left over'], allow: '' };
  fc.assert(
    fc.property(
      fc.array(entry, { minLength: 1, maxLength: 12 }),
      fc.array(wanted, { minLength: 30, maxLength: 30 }),
      (drafts, lookups) => {
        const entries = drafts.map((draft, value) => ({ ...draft, value }));
        const table = buildTable(entries);
        for (const each of lookups) {
          const model = modelFind(entries, each);
          const value = find(table, each, match);
          expect({ value, params: match.params }).toEqual(
            model === null ? { value: null, params: [] } : { value: model.value, params: model.params },
          );
          if (model === null) expect(allowed(table, each)).toBe(modelAllowed(entries, each));
          if (model === null) tally[allowed(table, each) === '' ? 'none' : 'allowed']++;
          else tally.found++;
          if (model !== null && each.method === 'HEAD') tally.head++;
          if (model !== null && Object.keys(drafts[model.value]!.query).length > 0) tally.conditioned++;
        }
      },
    ),
    { numRuns: 2_000 },
  );
  // A property that hardly ever finds anything proves nothing.
  expect(tally.found).toBeGreaterThan(5_000);
  expect(tally.allowed).toBeGreaterThan(500);
  expect(tally.none).toBeGreaterThan(2_000);
  expect(tally.head).toBeGreaterThan(1_000);
  expect(tally.conditioned).toBeGreaterThan(100);
}, 120_000);
