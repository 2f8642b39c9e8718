import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { LOCKS } from '../../src/stores/layout.ts';
import { SharedLimits } from '../../src/stores/limit-shared.ts';
import { reclaim } from '../../src/stores/reclaim.ts';
import { create } from '../../src/stores/shared-memory.ts';
import { WordDirectory } from '../../src/stores/words.ts';
import { atEnd } from '../support/cleanup.ts';
import { ruleOf, takeMany } from '../suites/limit-store.ts';
import { MB } from './memory.ts';

/** A month: long enough that nothing comes back while a test runs. */
const LONG = 30 * 86_400_000;
const hammer = fileURLToPath(new URL('./hammer.mjs', import.meta.url));

function start(fd: number, mission: object): ChildProcess {
  const child = spawn(process.execPath, [hammer, JSON.stringify(mission)], {
    stdio: ['ignore', 'pipe', 'inherit', fd],
  });
  atEnd(() => void child.kill('SIGKILL'));
  return child;
}

/** What a process says in its last line. */
async function lastWords<T>(child: ChildProcess): Promise<T> {
  let text = '';
  child.stdout!.on('data', (chunk) => (text += String(chunk)));
  await once(child, 'close');
  return JSON.parse(text.trim().split('\n').at(-1)!) as T;
}

const everyone = <T>(fd: number, mission: object): Promise<T[]> =>
  Promise.all([0, 1, 2, 3].map((worker) => lastWords<T>(start(fd, { worker, ...mission }))));

test.each([
  ['a hot key', 1, 1_000],
  ['many keys', 2_000, 5],
])('%s, four processes: every limit lets exactly its amount pass', async (_, keys, amount) => {
  const length = 8 * MB;
  const { fd } = create(['/dev/shm', tmpdir()], length, 4);
  const rules = (['token-bucket', 'sliding-window', 'fixed-window', 'concurrency'] as const).map(
    (algorithm) => ruleOf({ algorithm, amount, periodMs: algorithm === 'concurrency' ? 0 : LONG }),
  );
  const attempts = keys * 60 + 20_000;
  const mission = { length, keys, attempts, rules };
  const all = await everyone<{ passed: number[][]; isFull: boolean }>(fd, mission);
  expect(all.some(({ isFull }) => isFull)).toBe(false);
  for (const rule of rules.keys()) {
    const passed = Array.from({ length: keys }, (_, key) =>
      all.reduce((sum, each) => sum + each.passed[rule]![key]!, 0),
    );
    expect([...new Set(passed)]).toEqual([amount]);
  }
});

test('slots that go from key to key forget nothing: no key ever passes faster than its limit', async () => {
  const length = 64 * 1024;
  const { fd, memory } = create(['/dev/shm', tmpdir()], length, 4);
  const keys = 3 * memory.layout.slotCount;
  const [burst, periodMs] = [2, 4];
  const mission = { length, keys, lasting: 1_500, rules: [ruleOf({ amount: 2, burst, periodMs })] };
  const all = await everyone<{ passes: [number, number, number][] }>(fd, mission);
  const byKey = new Map<number, [number, number][]>();
  for (const [key, from, to] of all.flatMap(({ passes }) => passes)) {
    byKey.set(key, [...(byKey.get(key) ?? []), [from, to]]);
  }
  let tooFast = 0;
  for (const passes of byKey.values()) {
    passes.sort(([a], [b]) => a - b);
    // Any three need at least the time of one token.
    for (let i = burst; i < passes.length; i++) {
      const last = Math.max(...passes.slice(i - burst, i + 1).map(([, to]) => to));
      if (last - passes[i - burst]![0] < (periodMs * 1e6) / 2) tooFast++;
    }
  }
  expect(byKey.size).toBeGreaterThan(keys / 2);
  expect(tooFast).toBe(0);
});

test('workers that are killed in the middle leave nothing behind, and never are too many in', async () => {
  const length = MB;
  const { fd, memory } = create(['/dev/shm', tmpdir()], length, 4);
  const rules = [
    ruleOf({ algorithm: 'concurrency', amount: 10, periodMs: 0 }),
    ruleOf({ amount: 1_000, periodMs: 1 }),
  ];
  const notes = new WordDirectory(memory, () => undefined).words('notes');
  const truth = notes.byteOffset / 8;
  const born = async (worker: number) => {
    const child = start(fd, { worker, length, rules, keys: 1, truth });
    await once(child.stdout!, 'data');
    return child;
  };
  const workers = await Promise.all([0, 1, 2, 3].map(born));
  let orphans = 0;
  for (let i = 0; i < 12; i++) {
    const worker = i % 4;
    const gone = once(workers[worker]!, 'exit');
    workers[worker]!.kill('SIGKILL');
    await gone;
    orphans += Number(Atomics.exchange(notes, worker, 0n));
    reclaim(memory, worker);
    workers[worker] = await born(worker);
  }
  const said = workers.map((worker) => lastWords<{ over: number; turns: number }>(worker));
  for (const worker of workers) worker.kill('SIGTERM');
  const ends = await Promise.all(said);
  expect(ends.map(({ over }) => over)).toEqual([0, 0, 0, 0]);
  expect(orphans).toBeGreaterThan(0);
  const { layout, int32 } = memory;
  expect(new Set(int32.subarray(layout.locks / 4, layout.locks / 4 + LOCKS))).toEqual(new Set([0]));
  const after = new SharedLimits({ memory, worker: 0, full: () => undefined });
  expect(await takeMany(after.bucket(rules[0]!), 'k', 20)).toBe(10);
}, 90_000);
