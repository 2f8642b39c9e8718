import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const script = (name: string) => join(import.meta.dirname, '..', '..', 'native-bench', name);

test('parsing, reading, writing, routing and limiting cost no more than a few turns of a plain loop', async () => {
  // Exits with 1 when one is above its bound; its table is in the message then.
  const { stdout } = await promisify(execFile)(process.execPath, [script('guard.mjs')]);
  expect(stdout.match(/: right$/gm)).toHaveLength(5);
});

test('a token that is known costs less than 3 us', async () => {
  // Exits with 1 when it costs more.
  const { stdout } = await promisify(execFile)(process.execPath, [script('jwt.mjs')]);
  expect(stdout).toMatch(/^known: [0-2]\.\d us/m);
});
