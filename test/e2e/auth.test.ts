import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { request, type Answer } from '../admin/request.ts';
import { runCli } from '../support/cli.ts';
import { startGateway, type Gateway } from '../support/gateway.ts';
import { startOrigin, type Origin } from '../support/origin.ts';

/** As `sluice password` makes it from "correct horse". */
let password = '';
let old: Made;
let gateway: Gateway;
let origin: Origin;

interface Made {
  readonly key: string;
  readonly hash: string;
}

async function newKey(): Promise<Made> {
  const { stdout } = await runCli(['key', 'new']);
  const [, key = '', hash = ''] = /^key {3}(\S+)\nhash {2}(\S+)\n$/.exec(stdout) ?? [];
  return { key, hash };
}

const route = (id: string, policies: object) => ({
  id,
  match: { paths: [`/${id}`, `/${id}/*`] },
  upstream: 'o',
  policies,
});

beforeAll(async () => {
  old = await newKey();
  const expired = new Date(Date.now() - 1000).toISOString();
  password = (await hashOf('correct horse')).trim();
  origin = await startOrigin();
  const consumers = [
    { id: 'alice', groups: ['gold'], keys: [{ id: 'k1', hash: old.hash }] },
    { id: 'bob', keys: [{ id: 'k1', hash: (await newKey()).hash, expires: expired }] },
    { id: 'carol', groups: ['silver'], basic: { hash: password } },
    { id: 'visitor', groups: ['public'] },
  ];
  gateway = await startGateway({
    workers: 2,
    config: {
      version: 1,
      log: { query: true },
      upstreams: [{ id: 'o', targets: [{ url: origin.url }] }],
      consumers,
      routes: [
        route('key', { key: { query: 'apikey-param' } }),
        route('forward', { key: { forward: true } }),
        route('session', { session: { header: 'x-session' } }),
        route('basic', { basic: {} }),
        route('both', { key: {}, basic: {} }),
        route('any', { key: {}, basic: {}, session: {}, auth: { anyOf: ['key', 'basic', 'session'] } }),
        route('open', { key: {}, auth: { anonymous: 'visitor' } }),
        route('gold', { key: {}, access: { groups: ['gold'] } }),
        route('silver', { key: {}, access: { groups: ['silver'] } }),
        route('barred', { ip: { deny: ['127.0.0.0/8'] }, key: {} }),
        route('scoped', { session: {}, access: { scopes: ['a', 'b'] } }),
      ],
    },
  });
}, 60_000);

afterAll(async () => {
  await gateway?.kill();
  await origin?.stop();
});

async function hashOf(text: string): Promise<string> {
  const { hashPassword } = await import('../../src/auth/password.ts');
  return hashPassword(text);
}

const ask = (path: string, headers: Record<string, string> = {}) =>
  request(gateway.port, 'GET', path, undefined, { host: 'x', ...headers });
const admin = (method: string, path: string, body?: unknown) =>
  request(gateway.adminPort, method, `/api/v1${path}`, body);
const last = () => origin.requests.at(-1)!;
const basic = (name: string, word: string) => ({
  authorization: `Basic ${Buffer.from(`${name}:${word}`).toString('base64')}`,
});

/** A refusal that tells nothing but that. */
function expectRefused(reply: Answer, challenge: string): void {
  expect(reply.status).toBe(401);
  expect(reply.headers['www-authenticate']).toBe(challenge);
  expect(reply.headers['content-type']).toBe('application/problem+json');
  expect(reply.json).toEqual({
    type: 'urn:sluice:problem:unauthorized',
    title: 'Unauthorized',
    status: 401,
    detail: 'Credentials are missing or not accepted.',
    instance: expect.any(String) as string,
  });
}

describe('key', () => {
  test('a key of sluice key new lets in, and the upstream learns who and not how', async () => {
    const reply = await ask('/key/x', {
      'x-api-key': old.key,
      'x-consumer-id': 'root',
      x_consumer_id: 'root',
      'x-user-id': 'root',
    });
    expect(reply.status).toBe(200);
    expect(last().get('x-consumer-id')).toEqual(['alice']);
    expect(last().get('x_consumer_id')).toEqual([]);
    expect(last().get('x-user-id')).toEqual([]);
    expect(last().get('x-api-key')).toEqual([]);
    const line = await gateway.waitForRequest({ route: 'key', status: 200 });
    expect(line['consumer']).toBe('alice');
  });

  test('in the query where that is allowed: neither logged nor sent on', async () => {
    const reply = await ask(`/key/q?a=1&apikey-param=${old.key}&b=2`);
    expect(reply.status).toBe(200);
    expect(last().url).toBe('/key/q?a=1&b=2');
    await gateway.waitForRequest({ path: '/key/q?a=1&apikey-param=***&b=2' });
    expectRefused(await ask(`/gold?apikey-param=${old.key}`), 'ApiKey realm="sluice"');
  });

  test('forward: true sends it on', async () => {
    await ask('/forward', { 'x-api-key': old.key });
    expect(last().get('x-api-key')).toEqual([old.key]);
  });

  test('every other key is refused, and all in the same words', async () => {
    const before = origin.requests.length;
    const prefix = old.key.slice(0, 12);
    for (const key of [
      '',
      'x',
      '_',
      'sk__',
      prefix,
      old.key.slice(0, -1),
      `${old.key}0`,
      `${prefix}${'0'.repeat(32)}`,
      old.hash,
      'x'.repeat(5000),
    ])
      expectRefused(await ask('/key/x', { 'x-api-key': key }), 'ApiKey realm="sluice"');
    expectRefused(await ask('/key/x'), 'ApiKey realm="sluice"');
    expect(origin.requests).toHaveLength(before);
  });

  test('rotation: both keys while both are good, then the new one alone', async () => {
    const expires = new Date(Date.now() + 4_000).toISOString();
    const short = await admin('POST', '/consumers/alice/keys', { id: 'short', expires });
    const long = await admin('POST', '/consumers/alice/keys', { id: 'long' });
    expect([short.status, long.status]).toEqual([201, 201]);
    const status = async ({ json }: Answer) =>
      (await ask('/key/x', { 'x-api-key': String(json['key']) })).status;
    expect([await status(short), await status(long)]).toEqual([200, 200]);
    while (Date.now() <= Date.parse(expires)) await new Promise((resolve) => setTimeout(resolve, 50));
    expect([await status(short), await status(long)]).toEqual([401, 200]);
    expect((await admin('DELETE', '/consumers/alice/keys/long')).status).toBe(204);
    expect(await status(long)).toBe(401);
    expect((await ask('/key/x', { 'x-api-key': old.key })).status).toBe(200);
  });
});

describe('basic', () => {
  test('name and password let in', async () => {
    for (let i = 0; i < 3; i++) {
      expect((await ask('/basic', basic('carol', 'correct horse'))).status).toBe(200);
      expect(last().get('authorization')).toEqual([]);
      expect(last().get('x-consumer-id')).toEqual(['carol']);
    }
  });

  test('a password is hashed once, and remembered', async () => {
    const took = async () => {
      const from = performance.now();
      expect((await ask('/basic', basic('carol', 'correct horse'))).status).toBe(200);
      return performance.now() - from;
    };
    const from = performance.now();
    await hashOf('correct horse');
    const hashing = performance.now() - from;
    // Every worker has its own memory.
    for (let i = 0; i < 10; i++) await took();
    const times: number[] = [];
    for (let i = 0; i < 21; i++) times.push(await took());
    expect(times.sort((a, b) => a - b)[10]).toBeLessThan(hashing / 2);
  });

  test('a user who is revoked is refused at once, with a password that is remembered and with one that is not', async () => {
    const word = basic('carol', 'correct horse');
    for (let i = 0; i < 10; i++) expect((await ask('/basic', word)).status).toBe(200);
    expect((await admin('POST', '/revocations', { sub: 'carol' })).status).toBe(201);
    for (let i = 0; i < 10; i++) expect((await ask('/basic', word)).status).toBe(401);
    expect((await admin('DELETE', '/revocations/sub:carol')).status).toBe(204);
    expect((await ask('/basic', word)).status).toBe(200);

    // Nobody has been asked for this one's password yet.
    const hash = await hashOf('new horse');
    expect((await admin('POST', '/revocations', { sub: 'dave' })).status).toBe(201);
    expect((await admin('POST', '/consumers', { id: 'dave', basic: { hash } })).status).toBe(201);
    expect((await ask('/basic', basic('dave', 'new horse'))).status).toBe(401);
    expect((await admin('DELETE', '/revocations/sub:dave')).status).toBe(204);
    expect((await ask('/basic', basic('dave', 'new horse'))).status).toBe(200);
  });

  test('others do not', async () => {
    const challenge = 'Basic realm="sluice", charset="UTF-8"';
    for (const [name, word] of [
      ['carol', 'wrong'],
      ['alice', 'correct horse'],
      ['', ''],
      ['carol', ''],
    ] as const)
      expectRefused(await ask('/basic', basic(name, word)), challenge);
    expectRefused(await ask('/basic', { authorization: 'Basic !' }), challenge);
    expectRefused(await ask('/basic', { authorization: 'Bearer x' }), challenge);
  });
});

describe('sessions', () => {
  const begin = async (body: object) => {
    const made = await admin('POST', '/sessions', body);
    expect(made.status).toBe(201);
    return String(made.json['id']);
  };

  test('from login to logout', async () => {
    const id = await begin({ user: 'u-1', consumer: 'alice', scopes: ['a', 'b'] });
    const cookie = `theme=dark; sid=${id}; lang=en`;
    expect((await ask('/session', { cookie })).status).toBe(200);
    expect(last().get('cookie')).toEqual(['theme=dark; lang=en']);
    expect(last().get('x-user-id')).toEqual(['u-1']);
    expect(last().get('x-consumer-id')).toEqual(['alice']);
    expect((await ask('/session', { 'x-session': id })).status).toBe(200);
    expect((await ask('/scoped', { cookie })).status).toBe(200);
    expect((await admin('DELETE', `/sessions/${id}`)).status).toBe(204);
    expectRefused(await ask('/session', { cookie }), 'Session realm="sluice"');
    expect((await admin('DELETE', `/sessions/${id}`)).status).toBe(404);
  });

  test('it ends when it is idle for too long, and not while it is used', async () => {
    const id = await begin({ user: 'u-2', idle: '2s', ttl: '1h' });
    const startedAt = Date.now();
    const status = async () => (await ask('/session', { cookie: `sid=${id}` })).status;
    while (Date.now() - startedAt < 3_000) {
      expect(await status()).toBe(200);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    await expect.poll(status, { interval: 2_200 }).toBe(401);
  });

  test('it ends however busy it is', async () => {
    const id = await begin({ user: 'u-3', ttl: '1s' });
    await expect
      .poll(async () => (await ask('/session', { cookie: `sid=${id}` })).status, { interval: 50 })
      .toBe(401);
  });

  test('what stands for nobody is refused', async () => {
    expect((await admin('POST', '/sessions', {})).status).toBe(422);
    expect((await admin('POST', '/sessions', { user: 'u', ttl: '5 minutes' })).json).toMatchObject({
      errors: [{ path: 'ttl' }],
    });
    const id = await begin({ consumer: 'nobody' });
    expect((await ask('/session', { cookie: `sid=${id}` })).status).toBe(401);
  });
});

describe('together', () => {
  test('an address that is denied is not asked who it is', async () => {
    expect((await ask('/barred')).status).toBe(403);
    expect((await ask('/barred', { 'x-api-key': old.key })).status).toBe(403);
  });

  test('without anyOf all must pass', async () => {
    const word = basic('carol', 'correct horse');
    const reply = await ask('/both', { 'x-api-key': old.key });
    expect(reply.status).toBe(401);
    expect((await ask('/both', { 'x-api-key': `${old.key}x`, ...word })).status).toBe(401);
    expect((await ask('/both', { 'x-api-key': old.key, ...word })).status).toBe(200);
  });

  test('with anyOf one suffices, and none of what was shown is sent on', async () => {
    const word = basic('carol', 'correct horse');
    expect((await ask('/any', word)).status).toBe(200);
    expect((await ask('/any', { 'x-api-key': old.key, cookie: 'sid=nothing', ...word })).status).toBe(200);
    for (const name of ['x-api-key', 'cookie', 'authorization']) expect(last().get(name)).toEqual([]);
    expect((await ask('/any', { 'x-api-key': 'sk_wrong_key', ...word })).status).toBe(200);
    const none = await ask('/any');
    expect(none.status).toBe(401);
    expect(none.headers['www-authenticate']).toBe(
      'ApiKey realm="sluice", Session realm="sluice", Basic realm="sluice", charset="UTF-8"',
    );
  });

  test('anonymous is who shows nothing, not who shows something wrong', async () => {
    expect((await ask('/open')).status).toBe(200);
    expect(last().get('x-consumer-id')).toEqual(['visitor']);
    expect((await ask('/open', { 'x-api-key': 'sk_wrong_key' })).status).toBe(401);
  });

  test('access: members only', async () => {
    expect((await ask('/gold', { 'x-api-key': old.key })).status).toBe(200);
    const reply = await ask('/silver', { 'x-api-key': old.key });
    expect(reply.status).toBe(403);
    expect(reply.json).toMatchObject({ type: 'urn:sluice:problem:forbidden' });
    expect(reply.text).not.toMatch(/silver|gold|alice/);
  });

  test('every look is counted', async () => {
    const scrape = async () => (await fetch(`${gateway.adminUrl}/metrics`)).text();
    // Workers push every second.
    await expect
      .poll(scrape)
      .toMatch(/sluice_auth_total\{[^}]*route="open"[^}]*method="anonymous"[^}]*\} 1\b/);
    const text = await scrape();
    expect(text).toMatch(/sluice_auth_total\{[^}]*method="key"[^}]*outcome="refused"[^}]*\} \d+/);
    for (const outcome of ['accepted', 'missing']) expect(text).toContain(`outcome="${outcome}"`);
  });
});

test('no secret is in the log, the metrics or the list of processes', async () => {
  const text = await (await fetch(`${gateway.adminUrl}/metrics`)).text();
  const { stdout: processes } = spawnSync('ps', ['-eo', 'args'], { encoding: 'utf8' });
  for (const secret of [old.key, old.hash.split(':')[3]!, 'correct horse', password]) {
    expect(gateway.output).not.toContain(secret);
    expect(text).not.toContain(secret);
    expect(processes).not.toContain(secret);
  }
});
