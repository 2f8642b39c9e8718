import fc from 'fast-check';
import { Document, parseDocument } from 'yaml';
import { describe, expect, test } from 'vitest';
import { fillEnv } from '../../src/config/env.ts';
import { loadText } from '../../src/config/load.ts';
import { formatMistake } from '../../src/config/mistakes.ts';

/** The data of a YAML text after filling, and what was complained of. */
function fill(text: string, env: Record<string, string>): { data: unknown; complaints: string[] } {
  const doc = parseDocument(text) as unknown as Document;
  const complaints: string[] = [];
  fillEnv(doc, env, (_, message) => complaints.push(message));
  return { data: doc.toJS(), complaints };
}
const filled = (text: string, env: Record<string, string> = {}) => fill(text, env).data;

describe('what a reference becomes', () => {
  test.each<[string, Record<string, string>, unknown]>([
    ['${A}', { A: 'x' }, 'x'],
    ['${A:-d}', { A: 'x' }, 'x'],
    ['${A:-d}', {}, 'd'],
    ['${A:-d}', { A: '' }, 'd'],
    ['${A:-a:b/c-d}', {}, 'a:b/c-d'],
    ['x-${A}-${B:-b}-y', { A: '1' }, 'x-1-b-y'],
    ['${A:-8080}', {}, 8080],
    ['${A}', { A: '8080' }, 8080],
    ['"${A}"', { A: '8080' }, '8080'],
    ["'${A}'", { A: '8080' }, '8080'],
    ['!!str ${A}', { A: '8080' }, '8080'],
    ['|-\n  ${A}', { A: '8080' }, '8080'],
    ['${A}', { A: 'true' }, true],
    ['${A}', { A: '1.5' }, 1.5],
    ['${A:-}', {}, null],
    ['"${A:-}"', {}, ''],
    ['$${A}', { A: 'x' }, '${A}'],
    ['$$${A}', { A: 'x' }, '$${A}'],
    ['$A and $', { A: 'x' }, '$A and $'],
    ['${A}', { A: '${B}', B: 'x' }, '${B}'],
  ])('%s with %j is %j', (text, env, expected) => {
    expect(filled(`a: ${text}`, env)).toEqual({ a: expected });
  });

  test('keys are left alone', () => {
    expect(filled('"${A}": 1', { A: 'x' })).toEqual({ '${A}': 1 });
  });

  test('a value behind an alias is filled once', () => {
    expect(filled('a: &v ${A}\nb: *v', { A: '$${A}' })).toEqual({ a: '$${A}', b: '$${A}' });
  });
});

test('no value adds structure', () => {
  const nasty = fc.oneof(
    fc.string(),
    fc.constantFrom(
      '{ a: 1 }',
      '[1, 2]',
      'a: b',
      '- x',
      '"\n b: 2',
      '# c',
      '*x',
      '&x y',
      '!!map {}',
      '|\n x',
    ),
  );
  fc.assert(
    fc.property(nasty, (value) => {
      const { data } = fill('a: ${V:-1}\nb: "${V:-1}"\nc: [x, "${V:-1}"]', { V: value });
      const { a, b, c } = data as { a: unknown; b: unknown; c: unknown[] };
      expect(Object.keys(data as object)).toEqual(['a', 'b', 'c']);
      expect(typeof a === 'object' && a !== null).toBe(false);
      expect([b, c]).toEqual([value || '1', ['x', value || '1']]);
    }),
  );
});

describe('what cannot be filled', () => {
  const mistakes = (text: string) => {
    const loaded = loadText(text, 'a.yaml', { env: {} });
    return loaded.ok ? [] : loaded.mistakes.map(formatMistake);
  };

  test('every unset variable is told at its value, once, with the other mistakes of the file', () => {
    const text =
      'version: 1\nlisten:\n  http:\n    host: ${HOST}\n    port: ${PORT}\ndrian: 1s\nupstreams: [{ id: a, targets: [{ url: "http://${H}:1" }] }]\n';
    expect(mistakes(text)).toEqual([
      expect.stringMatching(/^a\.yaml:4:11 listen\.http\.host: environment variable HOST is not set/),
      expect.stringMatching(/^a\.yaml:5:11 listen\.http\.port: environment variable PORT is not set/),
      expect.stringMatching(/^a\.yaml:6:1 drian: unknown key/),
      expect.stringMatching(/^a\.yaml:7:39 upstreams\.0\.targets\.0\.url: environment variable H is not set/),
    ]);
  });

  test.each(['${}', '${1A}', '${A-b}', '${A:?why}', '${A B}', '${A', '${A:-${B}}'])(
    '%s cannot be read',
    (text) => {
      expect(mistakes(`version: 1\ndrain: "${text}"`)).toEqual([
        expect.stringMatching(/^a\.yaml:2:8 drain: .* cannot be read: write \$\{NAME\}/),
      ]);
    },
  );
});
