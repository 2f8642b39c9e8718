import { join } from 'node:path';
import { expect, test } from 'vitest';
import { request } from '../admin/request.ts';
import { startGateway, type Gateway } from '../support/gateway.ts';
import { makeKey, sign, startIssuer, type Issuer, type SigningKey } from '../support/issuer.ts';

/** Milliseconds for which unknown keys give rise to no other fetch; 30 seconds in a gateway that is not tested. */
const PERIOD = 1_000;
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

const start = (issuer: Issuer, times: object): Promise<Gateway> =>
  startGateway({
    program: join(import.meta.dirname, 'short-periods.mjs'),
    args: [JSON.stringify({ unknownKid: PERIOD, ...times })],
    workers: 2,
    config: {
      version: 1,
      routes: [
        {
          id: 'in',
          match: { paths: ['/in'] },
          respond: { body: 'in' },
          policies: { jwt: { issuers: [{ issuer: 'i', jwksUrl: issuer.url, algorithms: ['ES256'] }] } },
        },
      ],
    },
  });

/** Every token is new, so that no verdict is remembered, and so is every connection, so that all workers are asked. */
async function bring(gateway: Gateway, key: SigningKey): Promise<number> {
  const authorization = `Bearer ${await sign(key, { iss: 'i', jti: String(Math.random()) })}`;
  const reply = await request(gateway.port, 'GET', '/in', undefined, { host: 'x', authorization });
  return reply.status;
}

const ready = async (gateway: Gateway) => (await fetch(`${gateway.adminUrl}/readyz`)).status;

/** Clients that ask again and again until `stop`, which gives every status they got. */
function load(clients: number, ask: () => Promise<number>): { stop: () => Promise<number[]> } {
  const statuses: number[] = [];
  let over = false;
  const running = Array.from({ length: clients }, async () => {
    while (!over) statuses.push(await ask());
  });
  return {
    stop: async () => {
      over = true;
      await Promise.all(running);
      return statuses;
    },
  };
}

test('rotation under load and unknown keys: no key is refused that was published a period before its use', async () => {
  const old = await makeKey('k0');
  const issuer = await startIssuer(old);
  await using gateway = await start(issuer, {});
  await expect.poll(() => bring(gateway, old)).toBe(200);
  const began = Date.now();
  let current = old;
  let n = 0;
  const good = load(4, () => bring(gateway, current));
  // Forged tokens use up every permission to ask the issuer, at the worst moments.
  const forged = load(2, async () => bring(gateway, await makeKey(`x${String(n++)}`)));
  for (let i = 1; i <= 4; i++) {
    const next = await makeKey(`k${String(i)}`);
    issuer.keys = [...issuer.keys, next.jwk];
    await pause(PERIOD + 20);
    current = next;
    await pause(137 * i);
  }
  const [accepted, refused] = await Promise.all([good.stop(), forged.stop()]);
  const periods = Math.ceil((Date.now() - began) / PERIOD);
  expect(accepted.length).toBeGreaterThan(100);
  expect(new Set(accepted)).toEqual(new Set([200]));
  expect(refused.length).toBeGreaterThan(50);
  expect(new Set(refused)).toEqual(new Set([401]));
  // However many unknown keys came, to two workers: one at the start, and one a period.
  expect(issuer.origin.requests.length).toBeLessThanOrEqual(periods + 1);
  expect(issuer.origin.requests.length).toBeGreaterThan(2);
});

test('an outage of the issuer: its keys stay, and it is asked again until it answers', async () => {
  const old = await makeKey('old');
  const issuer = await startIssuer(old);
  await using gateway = await start(issuer, { refresh: 200, shortest: 200, retry: 100 });
  await expect.poll(() => bring(gateway, old)).toBe(200);
  const good = load(4, () => bring(gateway, old));
  const outages: NonNullable<Issuer['instead']>[] = [
    (response) => response.destroy(),
    (response) => response.writeHead(503).end('no keys today'),
    (response) => response.end('{"keys":[]'),
  ];
  for (const instead of outages) {
    issuer.instead = instead;
    const asked = issuer.origin.requests.length;
    await expect.poll(() => issuer.origin.requests.length).toBeGreaterThan(asked + 2);
  }
  await gateway.waitForLine(({ msg }) => msg === 'key set cannot be fetched');
  // It may be a new key of the issuer's: nobody can say, which is not the client's fault.
  await expect.poll(async () => bring(gateway, await makeKey('unheard'))).toBe(503);
  const accepted = await good.stop();
  expect(accepted.length).toBeGreaterThan(50);
  expect(new Set(accepted)).toEqual(new Set([200]));
  // Workers that are born now are told what was fetched before.
  for (const worker of gateway.workers()) {
    process.kill(worker, 'SIGKILL');
    await expect.poll(() => gateway.workers().includes(worker)).toBe(false);
    await expect.poll(() => ready(gateway)).toBe(200);
  }
  for (let i = 0; i < 10; i++) expect(await bring(gateway, old)).toBe(200);

  const fresh = await makeKey('fresh');
  issuer.keys = [fresh.jwk];
  issuer.instead = null;
  await expect.poll(() => bring(gateway, fresh)).toBe(200);
  // Withdrawn with the first answer that does not hold it, in every worker.
  await expect.poll(() => bring(gateway, old)).toBe(401);
});

test('an issuer that is slow to answer: its new key is not refused, but asked for again', async () => {
  const old = await makeKey('old');
  const issuer = await startIssuer(old);
  await using gateway = await start(issuer, {});
  await expect.poll(() => bring(gateway, old)).toBe(200);
  const fresh = await makeKey('fresh');
  issuer.keys = [old.jwk, fresh.jwk];
  // Longer than a request waits for it.
  issuer.instead = (response) => setTimeout(() => response.end(JSON.stringify({ keys: issuer.keys })), 1_500);
  await pause(PERIOD + 20);
  const statuses = new Set<number>();
  await expect
    .poll(async () => {
      const status = await bring(gateway, fresh);
      statuses.add(status);
      return status;
    })
    .toBe(200);
  expect(statuses).toEqual(new Set([503, 200]));
});
