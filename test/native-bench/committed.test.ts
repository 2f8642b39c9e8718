import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { load } from './modules.ts';
import type { Results } from './modules.ts';

const { page } = await load('page');
const { scenarios: known } = await load('scenarios');
const folder = join(import.meta.dirname, '..', '..', 'native-bench');

test('the page that is committed says what its results file says', () => {
  const text = readFileSync(join(folder, 'RESULTS.md'), 'utf8');
  const commit = /^Commit `([^`]+)`/m.exec(text)?.[1];
  const results = JSON.parse(readFileSync(join(folder, 'results', `${commit}.json`), 'utf8')) as Results;
  expect(text).toBe(page(results, Object.keys(known)));
});
