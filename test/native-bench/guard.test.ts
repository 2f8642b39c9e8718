import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const guard = join(import.meta.dirname, '..', '..', 'native-bench', 'guard.mjs');

test('parsing, writing, routing and limiting cost no more than a few turns of a plain loop', async () => {
  // Exits with 1 when one is above its bound; its table is in the message then.
  const { stdout } = await promisify(execFile)(process.execPath, [guard]);
  expect(stdout.match(/: right$/gm)).toHaveLength(4);
});
