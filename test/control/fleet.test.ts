import { afterEach, expect, test } from 'vitest';
import { endFleets, makeFleet, memberAt, next, program, testLog } from './support.ts';

afterEach(endFleets);

test('every slot has a worker, each with its number', async () => {
  const fleet = makeFleet({ size: 3 });
  fleet.start();
  expect(fleet.members().map(({ slot }) => slot)).toEqual([0, 1, 2]);
  expect(new Set(fleet.members().map(({ pid }) => pid)).size).toBe(3);
  await Promise.all([0, 1, 2].map((slot) => next(fleet, 'message', (member) => member.slot === slot)));
});

test('a killed worker gets an heir in the same slot, and the death is logged', async () => {
  const { log, lines } = testLog();
  const fleet = makeFleet({ log });
  fleet.start();
  const { pid } = memberAt(fleet, 1);
  const died = next(fleet, 'died');
  process.kill(pid, 'SIGKILL');
  expect((await died)[1]).toBe('SIGKILL');
  expect(lines).toMatchObject([{ msg: 'worker died', worker: 1, pid, reason: 'SIGKILL', respawnMs: 20 }]);

  const [heir, isHeir] = await next(fleet, 'born');
  expect([heir.slot, isHeir]).toEqual([1, true]);
  expect(heir.pid).not.toBe(pid);
});

test('workers that cannot start are tried again ever more slowly, up to the longest delay', async () => {
  const { log, lines } = testLog();
  const fleet = makeFleet({ size: 1, log, exec: program('crash-worker.mjs') });
  let deaths = 0;
  const fifth = next(fleet, 'died', () => ++deaths === 6);
  fleet.start();
  await fifth;
  expect(lines.map(({ respawnMs }) => respawnMs)).toEqual([20, 40, 80, 160, 200, 200]);
  expect(new Set(lines.map(({ reason }) => reason))).toEqual(new Set(['exit code 3']));
});

test('a worker that lived long enough starts again without delay', async () => {
  const { log, lines } = testLog();
  const fleet = makeFleet({ size: 1, log, backoff: { first: 20, longest: 200, healthy: 1 } });
  fleet.start();
  for (let i = 0; i < 3; i++) {
    const born = next(fleet, 'born');
    memberAt(fleet, 0).kill();
    await born;
  }
  expect(lines.map(({ respawnMs }) => respawnMs)).toEqual([20, 20, 20]);
});

test('a retired fleet gives nobody an heir and tells when the last one is gone', async () => {
  const fleet = makeFleet();
  fleet.start();
  const gone = fleet.retire();
  for (const member of fleet.members()) member.kill();
  await gone;
  expect(fleet.members()).toEqual([]);
});

test('what a worker said last is heard before its death', async () => {
  const fleet = makeFleet({ size: 1 });
  fleet.start();
  const order: string[] = [];
  fleet.listen({ message: (_, { t }) => void order.push(t), died: () => void order.push('died') });
  const died = next(fleet, 'died');
  fleet.broadcast({ t: 'drain', delayMs: 0, graceMs: 1_000 });
  const [, reason] = await died;
  expect(reason).toBe('exit code 0');
  expect(order.slice(-3)).toEqual(['metrics', 'drained', 'died']);
});

test('a worker that pushes nothing for ten seconds is logged once, and again when it is back', async () => {
  const { log, lines } = testLog();
  const fleet = makeFleet({ log });
  fleet.start();
  const { pid } = memberAt(fleet, 0);
  await next(fleet, 'message', ({ slot }) => slot === 0);
  process.kill(pid, 'SIGSTOP');
  let pushes = 0;
  await next(fleet, 'message', ({ slot }) => slot === 1 && ++pushes === 13);
  expect(lines).toMatchObject([{ msg: 'worker is stalled: no word from it', worker: 0, pid }]);

  process.kill(pid, 'SIGCONT');
  await next(fleet, 'message', ({ slot }) => slot === 0);
  expect(lines.at(-1)).toMatchObject({ msg: 'worker is back', worker: 0 });
});
