import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { registerApi } from '../../src/admin/api.ts';
import { registerConsumerKeys } from '../../src/admin/consumer-keys.ts';
import { registerConsumers } from '../../src/admin/consumers.ts';
import { makeAdmin } from '../../src/admin/server.ts';
import type { AdminServer } from '../../src/admin/server.ts';
import { fits, parseKeyHash } from '../../src/auth/key-hash.ts';
import { envelope } from '../../src/contracts/config.ts';
import type { AdminGrant, GatewayConfig } from '../../src/contracts/config.ts';
import { Overlay } from '../../src/control/overlay.ts';
import { MemoryRecords } from '../../src/stores/memory-records.ts';
import { request } from './request.ts';

const ALICE = {
  id: 'alice',
  groups: ['gold'],
  keys: [{ id: 'k1', hash: `sha256:abcdefgh:salt:${'0'.repeat(64)}` }],
};

let admin: AdminServer;
let port = 0;
let grants: AdminGrant[] = [];
let published: GatewayConfig[] = [];
let refuse = false;

beforeEach(async () => {
  grants = [];
  published = [];
  refuse = false;
  const publish = (config: GatewayConfig) => {
    if (refuse) return Promise.resolve({ ok: false as const, why: 'worker 0 refuses it' });
    published.push(config);
    return Promise.resolve({ ok: true as const, generation: published.length });
  };
  const file = envelope.parse({ version: 1, consumers: [ALICE] });
  const overlay = new Overlay(file, {
    publish,
    records: new MemoryRecords(),
    log: pino({ level: 'silent' }),
  });
  admin = makeAdmin((app) => {
    registerApi(app, {
      grants: () => grants,
      resources: [(api) => registerConsumers(api, overlay), (api) => registerConsumerKeys(api, overlay)],
    });
  });
  port = await admin.listen('127.0.0.1', 0);
});

afterEach(() => admin.close());

const ask = (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) =>
  request(port, method, `/api/v1${path}`, body, headers);
const served = (id: string) => published.at(-1)?.consumers.find((each) => each.id === id);

describe('who may use it', () => {
  const forbidden = { status: 403, type: 'urn:sluice:problem:forbidden' };

  test.each([
    ['a name that was pointed here', { host: 'evil.example' }],
    ['a name that begins like loopback', { host: '127.0.0.1.evil.example' }],
    ['a page of another origin', { origin: 'https://evil.example' }],
    ['a page without an origin', { origin: 'null' }],
    ['a page of another port', { origin: 'http://127.0.0.1:1' }],
  ])('without tokens: not %s', async (_, headers) => {
    const reply = await ask('GET', '/consumers', undefined, headers);
    expect(reply.status).toBe(403);
    expect(reply.json).toMatchObject(forbidden);
  });

  test('without tokens: loopback, by name and from its own pages too', async () => {
    expect((await ask('GET', '/consumers')).status).toBe(200);
    expect((await ask('GET', '/consumers', undefined, { host: `localhost:${port}` })).status).toBe(200);
    const own = { origin: `http://127.0.0.1:${port}` };
    expect((await ask('GET', '/consumers', undefined, own)).status).toBe(200);
  });

  test('with tokens: a bearer token, even from loopback, and also for what does not exist', async () => {
    grants = [{ token: 'secret', role: 'admin', name: '' }];
    for (const path of ['/consumers', '/nothing']) {
      const reply = await ask('GET', path);
      expect(reply.status).toBe(401);
      expect(reply.headers['www-authenticate']).toBe('Bearer realm="sluice-admin"');
      expect(reply.json).toMatchObject({ type: 'urn:sluice:problem:unauthorized' });
    }
    for (const authorization of ['Bearer wrong', 'Basic secret', 'Bearer', 'secret', 'Bearer secret x'])
      expect((await ask('GET', '/consumers', undefined, { authorization })).status).toBe(401);
    expect((await ask('GET', '/consumers', undefined, { authorization: 'bearer secret' })).status).toBe(200);
    expect((await ask('GET', '/nothing', undefined, { authorization: 'Bearer secret' })).status).toBe(404);
  });

  test('a reader reads, a writer writes', async () => {
    grants = [
      { token: 'r', role: 'read', name: '' },
      { token: 'w', role: 'write', name: 'robot' },
    ];
    const reader = { authorization: 'Bearer r' };
    expect((await ask('GET', '/consumers', undefined, reader)).status).toBe(200);
    expect((await ask('POST', '/consumers', { id: 'bob' }, reader)).status).toBe(403);
    expect(published).toHaveLength(0);
    expect((await ask('POST', '/consumers', { id: 'bob' }, { authorization: 'Bearer w' })).status).toBe(201);
  });
});

describe('consumers', () => {
  test('a list shows no hash, and pages hold together', async () => {
    await ask('POST', '/consumers', { id: 'bob' });
    await ask('POST', '/consumers', { id: 'carol' });
    const first = await ask('GET', '/consumers?limit=2');
    expect(first.json).toMatchObject({
      items: [
        { id: 'alice', source: 'file' },
        { id: 'bob', source: 'api' },
      ],
    });
    expect(first.text).not.toContain('sha256');
    const rest = await ask('GET', `/consumers?limit=2&cursor=${String(first.json['next'])}`);
    expect(rest.json).toMatchObject({ items: [{ id: 'carol' }], next: null });
    expect((await ask('GET', '/consumers?limit=0')).status).toBe(422);
  });

  test('a new one is a generation of its own, and there is one of each id', async () => {
    const made = await ask('POST', '/consumers', { id: 'bob', groups: ['silver'] });
    expect(made.status).toBe(201);
    expect(made.headers['location']).toBe('/api/v1/consumers/bob');
    expect(made.json).toEqual({ id: 'bob', groups: ['silver'], keys: [], source: 'api' });
    expect(served('bob')).toEqual({ id: 'bob', groups: ['silver'], keys: [] });
    expect(served('alice')).toEqual(ALICE);
    expect((await ask('POST', '/consumers', { id: 'bob' })).status).toBe(409);
    expect(published).toHaveLength(1);
  });

  test('mistakes come all at once, each with its path, and change nothing', async () => {
    const reply = await ask('POST', '/consumers', {
      id: '',
      groups: ['a b'],
      keys: [{ id: 'k', hash: 'x' }],
      nme: 1,
    });
    expect(reply.status).toBe(422);
    const errors = reply.json['errors'] as { path: string }[];
    expect(errors.map(({ path }) => path).sort()).toEqual(['', 'groups.0', 'id', 'keys.0.hash']);
    const twice = [ALICE.keys[0], ALICE.keys[0]];
    expect((await ask('POST', '/consumers', { id: 'bob', keys: twice })).json).toMatchObject({
      errors: [{ path: 'keys.1.id' }],
    });
    expect(published).toHaveLength(0);
  });

  test('what workers refuse is answered 422 and is not there', async () => {
    refuse = true;
    expect((await ask('POST', '/consumers', { id: 'bob' })).json).toMatchObject({
      status: 422,
      errors: [{ message: 'worker 0 refuses it' }],
    });
    expect((await ask('GET', '/consumers/bob')).status).toBe(404);
  });

  test('PUT replaces; what was read may come back and loses no secret', async () => {
    const { json, headers } = await ask('GET', '/consumers/alice');
    const reply = await ask(
      'PUT',
      '/consumers/alice',
      { ...json, groups: [] },
      { 'if-match': headers['etag']! },
    );
    expect(reply.status).toBe(200);
    expect(served('alice')).toEqual({ ...ALICE, groups: [] });
    expect((await ask('PUT', '/consumers/dave', {})).status).toBe(201);
    expect((await ask('PUT', '/consumers/dave', { id: 'erin' })).status).toBe(422);
  });

  test('PATCH merges', async () => {
    expect((await ask('PATCH', '/consumers/alice', { groups: ['iron'] })).json).toMatchObject({
      groups: ['iron'],
    });
    expect(served('alice')).toEqual({ ...ALICE, groups: ['iron'] });
    expect((await ask('PATCH', '/consumers/alice', { keys: null })).json).toMatchObject({ keys: [] });
    const type = { 'content-type': 'application/merge-patch+json' };
    expect((await ask('PATCH', '/consumers/alice', { groups: [] }, type)).status).toBe(200);
    expect((await ask('PATCH', '/consumers/nobody', {})).status).toBe(404);
  });

  test('a change of what was changed meanwhile is refused', async () => {
    const { headers } = await ask('GET', '/consumers/alice');
    await ask('PATCH', '/consumers/alice', { groups: ['iron'] });
    const late = { 'if-match': headers['etag']! };
    for (const [method, body] of [
      ['PUT', {}],
      ['PATCH', {}],
      ['DELETE', undefined],
    ] as const)
      expect((await ask(method, '/consumers/alice', body, late)).status).toBe(412);
    expect((await ask('PUT', '/consumers/alice', {}, { 'if-none-match': '*' })).status).toBe(412);
    expect(published).toHaveLength(1);
  });

  test('one of the file that was removed is gone', async () => {
    expect((await ask('DELETE', '/consumers/alice')).status).toBe(204);
    expect(served('alice')).toBeUndefined();
    expect((await ask('GET', '/consumers/alice')).status).toBe(404);
    expect((await ask('DELETE', '/consumers/alice')).status).toBe(404);
  });

  test('what the API said can be taken back: the file counts again, and what it does not know is gone', async () => {
    const { headers, json: before } = await ask('GET', '/consumers/alice');
    const back = (id: string, fields = {}) => ask('DELETE', `/consumers/${id}/override`, undefined, fields);
    expect((await back('alice')).status).toBe(404);
    await ask('PATCH', '/consumers/alice', { groups: ['iron'] });
    expect((await back('alice', { 'if-match': headers['etag'] })).status).toBe(412);
    expect((await back('alice')).status).toBe(204);
    expect((await ask('GET', '/consumers/alice')).json).toEqual(before);
    expect(served('alice')?.groups).not.toContain('iron');

    await ask('DELETE', '/consumers/alice');
    expect((await back('alice')).status).toBe(204);
    expect((await ask('GET', '/consumers/alice')).json).toMatchObject({ source: 'file' });
    await ask('POST', '/consumers', { id: 'bob' });
    expect((await back('bob')).status).toBe(204);
    expect((await ask('GET', '/consumers/bob')).status).toBe(404);
    refuse = true;
    await ask('POST', '/consumers', { id: 'bob' });
    expect((await back('bob')).status).toBe(404);
  });
});

describe('keys', () => {
  test('a key is shown once', async () => {
    const made = await ask('POST', '/consumers/alice/keys', { id: 'k2', expires: '2030-01-01T00:00:00Z' });
    expect(made.status).toBe(201);
    expect(made.headers['cache-control']).toBe('no-store');
    const { key, prefix } = made.json as { key: string; prefix: string };
    expect(key).toMatch(new RegExp(`^sk_${prefix}_[0-9A-Za-z]{32}$`));
    const stored = served('alice')?.keys.find(({ id }) => id === 'k2');
    expect(fits(key, parseKeyHash(stored?.hash ?? ''))).toBe(true);
    const list = await ask('GET', '/consumers/alice/keys');
    expect(list.json).toEqual({
      items: [
        { id: 'k1', prefix: 'abcdefgh' },
        { id: 'k2', prefix, expires: '2030-01-01T00:00:00Z' },
      ],
      next: null,
    });
    for (const { text } of [list, await ask('GET', '/consumers/alice')]) expect(text).not.toContain(key);
  });

  test('without a body a key has its prefix for an id', async () => {
    const made = await ask('POST', '/consumers/alice/keys');
    expect(made.json['id']).toBe(made.json['prefix']);
  });

  test('keys come and go', async () => {
    expect((await ask('POST', '/consumers/alice/keys', { id: 'k1' })).status).toBe(409);
    expect((await ask('POST', '/consumers/nobody/keys', {})).status).toBe(404);
    expect((await ask('POST', '/consumers/alice/keys', { expires: 'soon' })).status).toBe(422);
    expect((await ask('DELETE', '/consumers/alice/keys/k1')).status).toBe(204);
    expect(served('alice')?.keys).toEqual([]);
    expect((await ask('DELETE', '/consumers/alice/keys/k1')).status).toBe(404);
  });
});

test('a body that is too large or of another type', async () => {
  expect((await ask('POST', '/consumers', { id: 'x'.repeat(2_000_000) })).status).toBe(413);
  expect((await ask('POST', '/consumers', {}, { 'content-type': 'text/xml' })).status).toBe(415);
});

test('an id may be as long as the configuration lets it be, and nobody without a token learns what exists', async () => {
  const id = 'a'.repeat(128);
  expect((await ask('POST', '/consumers', { id })).status).toBe(201);
  expect((await ask('GET', `/consumers/${id}`)).json).toMatchObject({ id });
  const strange = ['/consumers/%ff', `/consumers/${'b'.repeat(9_000)}`, '/%zz'];
  for (const path of strange)
    expect(await ask('GET', path)).toMatchObject({ status: 404, json: { status: 404 } });
  grants = [{ token: 't'.repeat(32), role: 'read', name: 'reader' }];
  for (const path of [`/consumers/${id}`, '/consumers/nobody', '/nothing', ...strange])
    expect((await ask('GET', path)).status).toBe(401);
});

test('a key that is exchanged for another one of the same name and prefix is another state', async () => {
  const put = (digit: string, headers: Record<string, string> = {}) =>
    ask(
      'PUT',
      '/consumers/bob',
      { keys: [{ id: 'k', hash: `sha256:abcdefgh:salt:${digit.repeat(64)}` }] },
      headers,
    );
  const first = await put('1');
  const second = await put('2');
  expect(second.json).toEqual(first.json);
  expect(second.headers['etag']).not.toBe(first.headers['etag']);
  expect((await put('3', { 'if-match': first.headers['etag']! })).status).toBe(412);
  expect((await put('3', { 'if-match': second.headers['etag']! })).status).toBe(200);
});
