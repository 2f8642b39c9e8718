import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Publisher } from '../../src/control/publish.ts';
import { freePort } from '../support/ports.ts';
import { configFor, endFleets, makeFleet, memberAt, next, testLog } from './support.ts';

let port = 0;
let folder = '';

beforeEach(async () => {
  port = await freePort();
  folder = mkdtempSync(join(tmpdir(), 'sluice-publish-'));
});

afterEach(async () => {
  await endFleets();
  rmSync(folder, { recursive: true });
});

/** A fleet that serves generation 1. */
async function serving(size: number, patience = 10_000) {
  const { log, lines } = testLog();
  const fleet = makeFleet({ size, log });
  const publisher = new Publisher({ fleet, log, patience });
  fleet.start();
  expect(await publisher.publish(configFor(port))).toEqual({ ok: true, generation: 1 });
  return { fleet, publisher, lines };
}

/** Generations that clients are served with, over enough connections to meet every worker. */
async function generationsSeen(): Promise<Set<string>> {
  const replies = await Promise.all(
    Array.from({ length: 12 }, async () => {
      const reply = await fetch(`http://127.0.0.1:${port}/`);
      return (await reply.text()).split(' ')[2]!;
    }),
  );
  return new Set(replies);
}

test('an accepted configuration is served by every worker when publish resolves', async () => {
  const { publisher } = await serving(3);
  expect(await generationsSeen()).toEqual(new Set(['1']));
  expect(await publisher.publish(configFor(port))).toEqual({ ok: true, generation: 2 });
  expect(await generationsSeen()).toEqual(new Set(['2']));
  expect(publisher.applied().map(({ generation }) => generation)).toEqual([2, 2, 2]);
  expect(publisher.settled).toBe(2);
});

test('one refusal changes nothing anywhere, tells why, and takes no number', async () => {
  const { publisher } = await serving(3);
  expect(await publisher.publish(configFor(port, 'refuse_1'))).toEqual({
    ok: false,
    why: 'worker 1 refuses it: no such thing',
  });
  expect(await generationsSeen()).toEqual(new Set(['1']));
  expect(publisher.generation).toBe(1);
  expect(await publisher.publish(configFor(port))).toEqual({ ok: true, generation: 2 });
});

test('publications that come at once are taken in turn', async () => {
  const { publisher } = await serving(2);
  const outcomes = await Promise.all([
    publisher.publish(configFor(port)),
    publisher.publish(configFor(port, 'refuse_0')),
    publisher.publish(configFor(port)),
  ]);
  expect(outcomes).toMatchObject([{ generation: 2 }, { ok: false }, { generation: 3 }]);
  expect(await generationsSeen()).toEqual(new Set(['3']));
});

test('a worker killed while it prepares counts out; its heir serves what the others serve', async () => {
  const { fleet, publisher } = await serving(3);
  const ready = next(fleet, 'message', ({ slot }, { t }) => slot === 1 && t === 'ready');
  const config = configFor(port, `die_1_${join(folder, 'died')}`);
  expect(await publisher.publish(config)).toEqual({ ok: true, generation: 2 });
  expect((await ready)[1]).toMatchObject({ generation: 2 });
  expect(await generationsSeen()).toEqual(new Set(['2']));
});

test('an heir that is born while the others still prepare ends up with the new generation', async () => {
  const { fleet, publisher } = await serving(2);
  const born = next(fleet, 'born');
  const outcome = publisher.publish(configFor(port, 'hang_0_1500', `die_1_${join(folder, 'died')}`));
  await born;
  expect(await outcome).toEqual({ ok: true, generation: 2 });
  expect(publisher.applied().map(({ generation }) => generation)).toEqual([2, 2]);
  expect(await generationsSeen()).toEqual(new Set(['2']));
});

test('an heir that is caught by a refused publication still gets the committed generation', async () => {
  const { fleet, publisher } = await serving(2);
  const ready = next(fleet, 'message', ({ slot }, { t }) => slot === 0 && t === 'ready');
  memberAt(fleet, 0).kill();
  await next(fleet, 'born');
  expect(await publisher.publish(configFor(port, 'refuse'))).toMatchObject({ ok: false });
  expect((await ready)[1]).toMatchObject({ generation: 1 });
});

test('a configuration that kills every worker is refused, and the node recovers with the old one', async () => {
  const { fleet, publisher } = await serving(2);
  const recovered = Promise.all(
    [0, 1].map((slot) => next(fleet, 'message', (member, { t }) => member.slot === slot && t === 'ready')),
  );
  expect(await publisher.publish(configFor(port, 'die'))).toEqual({
    ok: false,
    why: 'every worker died while preparing it',
  });
  await recovered;
  expect(await generationsSeen()).toEqual(new Set(['1']));
});

test('a worker that does not answer in time refuses, and its late answer is no vote for the next one', async () => {
  const { publisher } = await serving(2, 3_000);
  const refused = await publisher.publish(configFor(port, 'hang_1_4500'));
  expect(refused).toEqual({ ok: false, why: 'worker 1 did not prepare it within 3000 ms' });
  expect(await publisher.publish(configFor(port, 'refuse_1'))).toMatchObject({
    ok: false,
    why: 'worker 1 refuses it: no such thing',
  });
  expect(await generationsSeen()).toEqual(new Set(['1']));
});

test('a worker that dies after the others agreed leaves the new generation to its heir', async () => {
  const { fleet, publisher, lines } = await serving(2);
  const ready = next(fleet, 'message', ({ slot }, { t }) => slot === 0 && t === 'ready');
  fleet.listen({ message: (member, { t }) => void (t === 'prepared' && member.slot === 0 && kill()) });
  let killed = false;
  const kill = () => {
    if (!killed) memberAt(fleet, 0).kill();
    killed = true;
  };
  expect(await publisher.publish(configFor(port))).toEqual({ ok: true, generation: 2 });
  expect((await ready)[1]).toMatchObject({ generation: 2 });
  expect(lines.map(({ msg }) => msg)).toEqual(['worker died']);
});
