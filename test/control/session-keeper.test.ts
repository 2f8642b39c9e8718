import { pino } from 'pino';
import { expect, test } from 'vitest';
import { registerApi } from '../../src/admin/api.ts';
import { makeAdmin } from '../../src/admin/server.ts';
import { registerSessions } from '../../src/admin/sessions.ts';
import { sessionHash } from '../../src/auth/session.ts';
import type { Records } from '../../src/contracts/records.ts';
import type { PrimaryFacts } from '../../src/control/facts.ts';
import { SessionKeeper } from '../../src/control/session-keeper.ts';
import { FactBoard } from '../../src/ipc/facts.ts';
import { MemoryRecords } from '../../src/stores/memory-records.ts';
import { request } from '../admin/request.ts';
import { openRedisRecords } from '../stores/redis-support.ts';
import { atEnd } from '../support/cleanup.ts';
import { startRedis } from '../support/redis.ts';

const log = pino({ level: 'silent' });
const NEW = { user: 'u', consumer: null, groups: [], scopes: [], idle: 60_000, lifetime: 600_000 };

/** The sessions of one node, as its workers know them. */
async function openNode(records: Records) {
  const board: FactBoard = new FactBoard((fact) => board.keep(fact));
  const facts: PrimaryFacts = {
    tell: (kind, id, value) => board.tell(kind, id, value),
    get: (kind, id) => board.get(kind, id),
    on: (kind, heard) => board.on(kind, heard),
    known: () => Promise.resolve(),
  };
  const keeper = new SessionKeeper(records, facts, log);
  await keeper.load();
  return {
    keeper,
    knows: (id: string) => facts.get('session', sessionHash(id)) !== undefined,
    /** A worker reports that a session was used. */
    use: (id: string, at: number) => board.hear({ kind: 'session-use', id: sessionHash(id), value: { at } }),
  };
}

test('a session that ends while it is used, on the same node or another one, has ended', async () => {
  const { url } = await startRedis();
  const homes = await Promise.all([openRedisRecords(url), openRedisRecords(url)]);
  const [one, two] = await Promise.all(homes.map(openNode));
  for (let i = 0; i < 20; i++) {
    const { id } = (await one!.keeper.begin(NEW))!;
    await expect.poll(() => two!.knows(id)).toBe(true);
    const at = Date.now() + 1_000;
    // Before the end, in the same turn, and after it.
    for (const node of [one!, two!]) node.use(id, at + i);
    const ended = one!.keeper.end(id);
    for (const node of [one!, two!]) node.use(id, at + 1_000 + i);
    expect(await ended).toBe(true);
    await expect.poll(() => [one!.knows(id), two!.knows(id)]).toEqual([false, false]);
  }
  // Whoever starts now finds none.
  expect((await homes[0].load('sessions')).size).toBe(0);
});

test('the use of a session is known on both nodes', async () => {
  const { url } = await startRedis();
  const homes = await Promise.all([openRedisRecords(url), openRedisRecords(url)]);
  const [one, two] = await Promise.all(homes.map(openNode));
  const { id, session } = (await one!.keeper.begin(NEW))!;
  await expect.poll(() => two!.knows(id)).toBe(true);
  two!.use(id, session.seen + 5_000);
  const stored = async () => [...(await homes[0].load('sessions')).values()][0];
  await expect.poll(async () => (await stored())?.value).toMatchObject({ seen: session.seen + 5_000 });
  expect((await stored())?.expires).toBe(session.seen + 5_000 + NEW.idle);
});

test('a node holds 100,000 sessions and no more: who asks for another is told to wait', async () => {
  const records = new MemoryRecords();
  const { lifetime, ...rest } = NEW;
  const value = { ...rest, expires: Date.now() + lifetime, seen: Date.now() };
  for (let i = 0; i < 99_999; i++) records.set('sessions', `s${i}`, { value, expires: value.expires });
  const { keeper } = await openNode(records);
  const admin = makeAdmin((app) =>
    registerApi(app, { grants: () => [], resources: [(api) => registerSessions(api, keeper)] }),
  );
  const port = await admin.listen('127.0.0.1', 0);
  atEnd(() => admin.close());
  const begin = () => request(port, 'POST', '/api/v1/sessions', { user: 'u' });
  const last = await begin();
  expect(last.status).toBe(201);
  const refused = await begin();
  expect(refused.status).toBe(503);
  expect(refused.headers).toMatchObject({ 'retry-after': '1', 'content-type': 'application/problem+json' });
  const ended = await request(port, 'DELETE', `/api/v1/sessions/${String(last.json['id'])}`);
  expect(ended.status).toBe(204);
  expect((await begin()).status).toBe(201);
});
