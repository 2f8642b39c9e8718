import fc from 'fast-check';
import { stringify } from 'yaml';
import { expect, test } from 'vitest';
import { loadText, type Loaded } from '../../src/config/load.ts';
import type { ConfigInput } from '../../src/contracts/config.ts';

const load = (text: string): Loaded => loadText(text, 'generated.yaml', { env: {} });
const mistakesIn = (loaded: Loaded) => (loaded.ok ? [] : loaded.mistakes);

const name = fc.stringMatching(/^[a-z][a-z0-9-]{0,8}[a-z0-9]$/);
const segment = fc.stringMatching(/^[A-Za-z0-9_~-]{1,8}$/);
const pattern = fc
  .tuple(fc.array(fc.oneof(segment, fc.constant(':')), { maxLength: 4 }), fc.boolean())
  .map(([segments, open]) => {
    const named = segments.map((each, i) => (each === ':' ? `:p${String(i)}` : each));
    return `/${[...named, ...(open ? ['*'] : [])].join('/')}`;
  });
const text = fc
  .string({ maxLength: 12 })
  .filter((each) => !/[^\x20-\x7e]|\$\{/.test(each) && each === each.trim());
const time = fc
  .tuple(fc.integer({ min: 0, max: 90 }), fc.constantFrom('ms', 's', 'm', 'h'))
  .map((each) => each.join(''));

const target = fc.record({
  url: fc
    .tuple(fc.constantFrom('http', 'https'), fc.oneof(name, fc.ipV4()), fc.integer({ min: 1, max: 65_535 }))
    .map(([scheme, host, port]) => `${scheme}://${host}:${String(port)}`),
  weight: fc.integer({ min: 1, max: 1000 }),
});
const upstream = fc.record({
  id: name,
  targets: fc.uniqueArray(target, { minLength: 1, maxLength: 3, selector: ({ url }) => url }),
  timeouts: fc.record({ connect: time, request: time }, { requiredKeys: [] }),
});
const route = fc.record({
  id: name,
  priority: fc.integer({ min: -5, max: 5 }),
  match: fc.record(
    {
      paths: fc.array(pattern, { minLength: 1, maxLength: 3 }),
      hosts: fc.array(
        fc.oneof(
          fc.domain(),
          fc.domain().map((each) => `*.${each}`),
        ),
        { maxLength: 2 },
      ),
      methods: fc.uniqueArray(fc.constantFrom('GET', 'HEAD', 'POST', 'PROPFIND'), { maxLength: 3 }),
      headers: fc.dictionary(name, text, { maxKeys: 2 }),
      query: fc.dictionary(name, text, { maxKeys: 2 }),
    },
    { requiredKeys: ['paths'] },
  ),
  policies: fc.record({ cors: fc.constant(false), 'request-id': fc.constant({}) }, { requiredKeys: [] }),
});
const config: fc.Arbitrary<ConfigInput> = fc
  .tuple(
    fc.uniqueArray(upstream, { minLength: 1, maxLength: 3, selector: ({ id }) => id }),
    fc.uniqueArray(route, { maxLength: 4, selector: ({ id }) => id }),
  )
  .map(([upstreams, routes]) => ({
    version: 1,
    upstreams,
    // Each has a path of its own, so that no two are the same.
    routes: routes.map(({ match, ...rest }) => ({
      ...rest,
      match: { ...match, paths: [...match.paths, `/of/${rest.id}`] },
      upstream: upstreams[0]!.id,
    })),
  }));

test('a valid configuration loads, the same from YAML and JSON, and is plain data', () => {
  fc.assert(
    fc.property(config, (input) => {
      const loaded = load(stringify(input));
      expect(mistakesIn(loaded)).toEqual([]);
      expect(load(JSON.stringify(input))).toEqual(loaded);
      expect(JSON.parse(JSON.stringify(loaded))).toEqual(loaded);
    }),
    { numRuns: 200 },
  );
});

test('any text is loaded or explained, with positions inside it', () => {
  const piece = fc.constantFrom(
    ...[
      'version: 1\n',
      'routes:\n',
      '  - ',
      'id: a\n',
      '{ ',
      ' }',
      '[',
      ']',
      ': ',
      '\n',
      '  ',
      '"',
      "'",
      '*a',
      '&a ',
      '${A}',
      '!!',
      '|\n',
      '- ',
      '#',
      'null',
      '?',
      '---\n',
      '\t',
      '%',
      '<<: ',
    ],
  );
  const noise = fc
    .array(fc.oneof(piece, fc.string({ maxLength: 3 })), { maxLength: 30 })
    .map((each) => each.join(''));
  fc.assert(
    fc.property(noise, (each) => {
      const lines = each.split('\n');
      for (const { line, col, message } of mistakesIn(load(each))) {
        expect(line).toBeLessThanOrEqual(lines.length);
        expect(col).toBeLessThanOrEqual(lines[line - 1]!.length + 1);
        expect(message).not.toMatch(/\n\s+at |undefined|\[object/);
      }
    }),
    { numRuns: 3000 },
  );
});

test('a valid configuration with a piece replaced by anything never throws', () => {
  fc.assert(
    fc.property(config, fc.jsonValue(), fc.nat(), (input, junk, n) => {
      const places: [object, string][] = [];
      const walk = (value: unknown) => {
        if (typeof value !== 'object' || value === null) return;
        for (const [key, below] of Object.entries(value)) {
          places.push([value, key]);
          walk(below);
        }
      };
      const copy = structuredClone(input);
      walk(copy);
      const [owner, key] = places[n % places.length]!;
      Object.assign(owner, { [key]: junk });
      for (const { message } of mistakesIn(load(JSON.stringify(copy))))
        expect(message).not.toMatch(/undefined|\[object/);
    }),
    { numRuns: 500 },
  );
});

test('10,000 routes', () => {
  const routes = Array.from(
    { length: 10_000 },
    (_, i) => `  - id: r${String(i)}
    match: { paths: [/a/${String(i)}, "/a/${String(i)}/*"], methods: [GET, POST] }
    upstream: u
    policies: { rewrite: { stripPrefix: /a } }
`,
  );
  const file = `version: 1\nupstreams: [{ id: u, targets: [{ url: "http://a" }] }]\nroutes:\n${routes.join('')}`;
  const start = performance.now();
  const loaded = load(file);
  console.log(
    `10,000 routes (${(file.length / 1e6).toFixed(1)} MB of YAML): ${(performance.now() - start).toFixed(0)} ms`,
  );
  expect(mistakesIn(loaded)).toEqual([]);
});
