import { describe, expect, test } from 'vitest';
import { mistakesOf, run } from './cases.ts';

describe('text that is no configuration', () => {
  run([
    ['empty', '', ['1:1 .', 'empty', 'version: 1']],
    ['only a comment', '# nothing\n', ['1:1 .', 'empty']],
    ['a list', '- 1\n', ['1:1 .', 'must be a map']],
    ['a text', 'hello', ['1:1 .', 'must be a map']],
    ['an unclosed list', 'version: 1\nroutes: [\n  a\n', ['4:1 .', 'not valid YAML']],
    ['bad indentation', 'version: 1\nadmin:\n  port: 1\n host: a\n', ['4:1 .', 'not valid YAML']],
    ['a tab', 'admin:\n\tport: 1\n', ['2:1 .', 'not valid YAML']],
    ['a repeated key', 'version: 1\ndrain: 1s\ndrain: 2s\n', ['3:1 drain', 'already there']],
    [
      'two repeated keys',
      'version: 1\nversion: 1\nadmin: { port: 1, port: 2 }\n',
      ['2:1 version'],
      ['3:19 admin.port'],
    ],
    ['an unknown alias', 'version: *v\n', ['1:10 .', '&v']],
    ['an unknown tag', 'version: 1\ndrain: !wait 1s\n', ['2:8 .', 'tag']],
    ['two documents', 'version: 1\n---\nversion: 1\n', ['2:1 .', 'second document']],
    ['a reference in a flow map', 'admin: { port: ${PORT:-1} }', ['1:17 .', 'needs quotes']],
    ['JSON that is cut off', '{\n  "version": 1,\n  "routes": [', ['3:14 .', 'not valid YAML']],
  ]);

  test('an alias bomb', () => {
    const lines = ['a: &a [x, x, x, x, x, x, x, x, x, x]'];
    for (const [i, name] of [...'bcdefghi'].entries())
      lines.push(`${name}: &${name} [${`*${'abcdefghi'[i]!}, `.repeat(9)}]`);
    const mistakes = mistakesOf(lines.join('\n'));
    expect(mistakes).toHaveLength(1);
    expect(mistakes[0]).toContain('1:1 .: aliases');
  });

  test('a list in lists without end', () => {
    expect(mistakesOf(`a: ${'['.repeat(20_000)}`)).toHaveLength(1);
  });

  test('a value that holds itself', () => {
    expect(mistakesOf('version: 1\nroutes: &r [*r]\n').length).toBeGreaterThan(0);
  });
});
