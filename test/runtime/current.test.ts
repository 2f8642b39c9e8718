import { expect, test } from 'vitest';
import type { Runtime } from '../../src/contracts/runtime.ts';
import { Current } from '../../src/runtime/current.ts';

test('the runtime that is replaced is retired, and there is none at first', () => {
  const retired: number[] = [];
  const runtime = (generation: number) =>
    ({ generation, retire: () => retired.push(generation) }) as unknown as Runtime;
  const current = new Current();
  expect(() => current.runtime).toThrow('no configuration');
  current.swap(runtime(1));
  expect([current.runtime.generation, retired]).toEqual([1, []]);
  current.swap(runtime(2));
  expect([current.runtime.generation, retired]).toEqual([2, [1]]);
});
