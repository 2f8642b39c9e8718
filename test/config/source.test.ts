import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { loadFile } from '../../src/config/load.ts';

describe('files', () => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-load-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  const at = (name: string) => join(folder, name);

  test('a missing file, a folder and bytes that are no text are one mistake each', () => {
    mkdirSync(at('folder'));
    writeFileSync(at('latin1.yaml'), Buffer.from('version: 1 # caf\xe9', 'latin1'));
    for (const [name, words] of [
      ['none.yaml', 'no such file'],
      ['folder', 'directory'],
      ['latin1.yaml', 'UTF-8'],
    ] as const) {
      const loaded = loadFile(at(name), { env: {} });
      expect(loaded.ok ? [] : loaded.mistakes).toEqual([
        { file: at(name), line: 1, col: 1, path: '', message: expect.stringContaining(words) as string },
      ]);
    }
  });

  test('a byte order mark and CRLF do not shift positions', () => {
    writeFileSync(at('bom.yaml'), '\ufeffversion: 1\r\ndrian: 1s\r\n');
    const loaded = loadFile(at('bom.yaml'), { env: {} });
    expect(loaded.ok ? [] : loaded.mistakes).toMatchObject([{ line: 2, col: 1, path: 'drian' }]);
  });

  test('a token may lie in a file beside the configuration', () => {
    writeFileSync(at('token'), 'secret\n');
    writeFileSync(
      at('tokens.yaml'),
      'version: 1\nadmin: { tokens: [{ file: token }, { token: { file: token2 }, name: ann }] }\n',
    );
    writeFileSync(at('token2'), 'other');
    expect(loadFile(at('tokens.yaml'), { env: {} })).toMatchObject({
      ok: true,
      config: { admin: { tokens: ['secret', 'other'], grants: [{ name: '' }, { name: 'ann' }] } },
      files: [at('token'), at('token2')],
    });
  });

  test('an empty token file is a mistake, not an open door', () => {
    writeFileSync(at('empty'), '\n');
    writeFileSync(at('empty.yaml'), 'version: 1\nadmin:\n  tokens: [{ file: empty }]\n');
    const loaded = loadFile(at('empty.yaml'), { env: {} });
    expect(loaded.ok ? [] : loaded.mistakes).toMatchObject([
      { line: 3, col: 20, path: 'admin.tokens.0.file' },
    ]);
  });
});
