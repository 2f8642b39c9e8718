import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { startGateway, type Gateway } from '../support/gateway.ts';
import { startOrigin, type Origin } from '../support/origin.ts';

const config = (targets: object[], upstream: object = {}, root: object = {}) => ({
  version: 1,
  ...root,
  upstreams: [{ id: 'u', targets, ...upstream }],
  routes: [{ id: 'r', match: { paths: ['/*'] }, upstream: 'u' }],
});
const targetsOf = (origins: readonly Origin[]) => origins.map(({ url }) => ({ url }));

async function get(gateway: Gateway, headers: Record<string, string> = {}): Promise<Response> {
  const reply = await fetch(`${gateway.url}/x`, { headers });
  await reply.arrayBuffer();
  return reply;
}

/** Requests on several lanes until told to stop; gives every status that was not 200. */
function load(gateway: Gateway, count: number) {
  let on = true;
  const failed: number[] = [];
  const lane = async (i: number) => {
    for (let n = 0; on; n++) {
      const { status } = await get(gateway, { 'x-key': `${i}-${n}` }).catch(() => ({ status: 0 }));
      if (status !== 200) failed.push(status);
    }
  };
  const lanes = Array.from({ length: count }, (_, i) => lane(i));
  return async () => {
    on = false;
    await Promise.all(lanes);
    return failed;
  };
}

/** How many requests each origin got while `work` ran. */
async function seenBy(origins: readonly Origin[], work: () => Promise<unknown>): Promise<number[]> {
  const before = origins.map(({ requests }) => requests.length);
  await work();
  return origins.map(({ requests }, i) => requests.length - before[i]!);
}

const RULES = ['round-robin', 'least-request', 'p2c', 'ewma', 'random', { hash: 'header:x-key' }];

test.each(RULES.map((rule) => [typeof rule === 'string' ? rule : 'hash', rule] as const))(
  '%s: targets come and go under load, nobody notices, and each has its share',
  async (_, balance) => {
    // A rule that goes by latency needs origins that take equally long, and so much in flight that a stall of the machine
    // meets them all.
    const [lanes, ms, share] = balance === 'ewma' ? [16, 20, 1 / 6] : [4, 0, 0.22];
    const steady = () => startOrigin((_, response) => void setTimeout(() => response.end('ok'), ms));
    const origins = await Promise.all([steady(), steady(), steady()]);
    const [a, b, c] = targetsOf(origins) as [object, object, object];
    const gateway = await startGateway({ config: config([a, b], { balance }) });
    const stop = load(gateway, lanes);
    await sleep(150);
    for (const targets of [
      [a, b, c],
      [b, c],
      [a, c],
      [a, b, c],
    ]) {
      expect((await gateway.reload(config(targets, { balance })))['msg']).toMatch('applied');
      await sleep(100);
    }
    const sumOf = (counts: readonly number[]) => counts.reduce((sum, each) => sum + each, 0);
    const shares = async () => {
      const counts = await seenBy(origins, async () => {
        const seen = () => sumOf(origins.map(({ requests }) => requests.length));
        const before = seen();
        await expect.poll(() => seen() - before).toBeGreaterThan(600);
      });
      return counts.map((count) => count / sumOf(counts));
    };
    const isFair = (each: number) => each > share && each < 1 / 2;
    let found = await shares();
    // Who goes by latency takes a stall of the machine for one of an origin, and needs seconds to forget it.
    for (let turn = 1; turn < 15 && !found.every(isFair); turn++) found = await shares();
    expect(await stop()).toEqual([]);
    expect(
      found.filter((each) => !isFair(each)),
      String(found),
    ).toEqual([]);
  },
);

test('priorities: the second takes over when the first is gone, and gives back', async () => {
  let well = true;
  const first = await startOrigin((_, response) => response.writeHead(well ? 200 : 500).end());
  const second = await startOrigin();
  const active = { path: '/', interval: '100ms', timeout: '10s', healthy: 1, unhealthy: 1 };
  const gateway = await startGateway({
    config: config([{ url: first.url }, { url: second.url, priority: 1 }], { health: { active } }),
  });
  const asked = (origin: Origin) => origin.requests.filter(({ url }) => url === '/x').length;
  await expect.poll(async () => (await get(gateway)).status).toBe(200);
  expect([asked(first) > 0, asked(second)]).toEqual([true, 0]);
  well = false;
  await gateway.waitForLine(({ msg }) => msg === 'target is unhealthy');
  // The worker hears of it a moment later.
  await expect.poll(async () => (await get(gateway), asked(second))).toBeGreaterThan(0);
  let before = [asked(first), asked(second)];
  for (let i = 0; i < 10; i++) expect((await get(gateway)).status).toBe(200);
  expect([asked(first), asked(second)]).toEqual([before[0], before[1]! + 10]);
  well = true;
  await expect.poll(async () => (await get(gateway), asked(first))).toBeGreaterThan(before[0]!);
  before = [asked(first), asked(second)];
  for (let i = 0; i < 10; i++) await get(gateway);
  expect([asked(first), asked(second)]).toEqual([before[0]! + 10, before[1]]);
});

test('the own zone first; SLUICE_ZONE says which', async () => {
  const [near, far] = [await startOrigin(), await startOrigin()];
  const targets = [
    { url: near.url, zone: 'a' },
    { url: far.url, zone: 'b' },
  ];
  const gateway = await startGateway({
    config: config(targets, {}, { zone: 'b' }),
    env: { SLUICE_ZONE: 'a' },
  });
  for (let i = 0; i < 10; i++) await get(gateway);
  expect([near.requests.length, far.requests.length]).toEqual([10, 0]);
});

test('a sticky cookie keeps a client, on every worker and with what policies see of the reply', async () => {
  const origins = await Promise.all([startOrigin(), startOrigin(), startOrigin()]);
  const gateway = await startGateway({
    config: config(targetsOf(origins), { sticky: { cookie: 'pin' } }),
    workers: 2,
  });
  const cookie = (await get(gateway)).headers.get('set-cookie')!;
  expect(cookie).toMatch(/^pin=[\w-]{16}; Path=\/; HttpOnly; SameSite=Lax$/);
  const pair = cookie.split(';')[0]!;
  const counts = await seenBy(origins, async () => {
    const replies = await Promise.all(Array.from({ length: 30 }, () => get(gateway, { cookie: pair })));
    expect(replies.map((reply) => reply.headers.get('set-cookie'))).toEqual(replies.map(() => null));
  });
  expect(counts.sort((x, y) => x - y)).toEqual([0, 0, 30]);
  const stranger = await get(gateway, { cookie: 'pin=AAAAAAAAAAAAAAAA' });
  expect(stranger.headers.get('set-cookie')).toMatch(/^pin=/);
});

test('weights change through the admin API, at once, and go back', async () => {
  const origins = await Promise.all([startOrigin(), startOrigin()]);
  const gateway = await startGateway({ config: config(targetsOf(origins)) });
  const api = `${gateway.adminUrl}/api/v1/upstreams/u/targets`;
  const label = `127.0.0.1:${origins[0].port}`;
  const patch = (weight: unknown, target = label) =>
    fetch(`${api}/${encodeURIComponent(target)}`, {
      method: 'PATCH',
      headers: { 'content-type': 'application/merge-patch+json' },
      body: JSON.stringify({ weight }),
    });
  const ten = async () => {
    for (let i = 0; i < 10; i++) await get(gateway);
  };
  expect(await (await patch(4)).json()).toMatchObject({
    id: label,
    weight: 4,
    configuredWeight: 1,
    healthy: true,
  });
  await expect.poll(() => seenBy(origins, ten)).toEqual([8, 2]);
  expect((await patch(0)).status).toBe(200);
  await expect.poll(() => seenBy(origins, ten)).toEqual([0, 10]);
  const { items } = (await (await fetch(api)).json()) as { items: { id: string; weight: number }[] };
  expect(items.find(({ id }) => id === label)).toMatchObject({ weight: 0, configuredWeight: 1 });
  await patch(null);
  await expect.poll(() => seenBy(origins, ten)).toEqual([5, 5]);

  expect((await patch(-1)).status).toBe(422);
  expect((await patch(1, '127.0.0.1:1')).status).toBe(404);
  expect((await fetch(`${gateway.adminUrl}/api/v1/upstreams/nobody/targets`)).status).toBe(404);
});

test('a name is resolved as the system does it; log and metrics have it as it was written', async () => {
  const origin = await startOrigin();
  const label = `localhost:${origin.port}`;
  const gateway = await startGateway({ config: config([{ url: `http://${label}` }]) });
  await gateway.waitForLine(({ msg }) => msg === 'addresses of a name have changed');
  for (let i = 0; i < 20; i++) expect((await get(gateway)).status).toBe(200);
  expect(origin.requests.length).toBe(20);
  expect(await gateway.waitForRequest({ status: 200 })).toMatchObject({ target: label });
  const reply = await fetch(`${gateway.adminUrl}/api/v1/upstreams/u/targets`);
  const { items } = (await reply.json()) as { items: { id: string; addresses: { address: string }[] }[] };
  expect(items[0]!.id).toBe(label);
  expect(items[0]!.addresses.map(({ address }) => address)).toContain('127.0.0.1');
});
