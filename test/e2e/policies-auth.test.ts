import { createPrivateKey } from 'node:crypto';
import { expect, test } from 'vitest';
import { newKey } from '../../src/auth/key-hash.ts';
import { hashPassword } from '../../src/auth/password.ts';
import { request } from '../admin/request.ts';
import type { Gateway } from '../support/gateway.ts';
import { makeKey, sign, startIssuer, type SigningKey } from '../support/issuer.ts';
import type { WireReply } from '../support/reply-parser.ts';
import { last, start } from './example.ts';

// The examples hold hashes of keys that nobody has: each test puts hashes of keys of its own in their place.
const FIRST_HASH =
  'sha256:Zx81kQ0b:9fT2vLq7XwJd3KpA:5b0d9f5f0c6a4b1e8d7c3a2f1e0d9c8b7a695847362514031f2e3d4c5b6a7988';
const SECOND_HASH =
  'sha256:b7Yt0PqM:Q4mZs8RcV1nHf6Ge:a1b2c3d4e5f60718293a4b5c6d7e8f90112233445566778899aabbccddeeff00';
const PASSWORD_HASH =
  '$scrypt$ln=15,r=8,p=3$c2FsdHNhbHRzYWx0c2FsdA$AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8';

/** Makes a session as a login service would. */
async function begin(gateway: Gateway, session: object): Promise<string> {
  const made = await request(gateway.adminPort, 'POST', '/api/v1/sessions', session);
  expect(made.status).toBe(201);
  return String(made.json['id']);
}

const told = (reply: WireReply) => [reply.status, reply.get('www-authenticate')];
const basic = (name: string, word: string) =>
  `Authorization: Basic ${Buffer.from(`${name}:${word}`).toString('base64')}`;

test('key: in a field or in the query, the old and the new one, and never sent on', async () => {
  const [old, fresh] = [newKey(), newKey()];
  const example = await start('key', {}, { [FIRST_HASH]: old.hash, [SECOND_HASH]: fresh.hash });
  const { ask, gateway } = example;
  for (const { key } of [old, fresh]) {
    expect((await ask('GET /api/x', `X-Api-Key: ${key}`, 'X-Consumer-Id: root')).status).toBe(200);
    expect(last(example).get('x-api-key')).toEqual([]);
    expect(last(example).get('x-consumer-id')).toEqual(['alice']);
    expect((await ask(`GET /downloads/a?v=1&api_key=${key}&w=2`)).status).toBe(200);
    expect(last(example).url).toBe('/downloads/a?v=1&w=2');
  }
  const refusal = [401, 'ApiKey realm="sluice"'];
  expect(told(await ask('GET /api/x'))).toEqual(refusal);
  expect(told(await ask('GET /api/x', `X-Api-Key: ${newKey().key}`))).toEqual(refusal);
  // Only where the example allows it.
  expect(told(await ask(`GET /api/x?api_key=${fresh.key}`))).toEqual(refusal);
  await gateway.waitForRequest({ path: '/api/x', status: 401 });
  for (const { key } of [old, fresh]) expect(gateway.output).not.toContain(key);
});

test('session: from login to logout, by cookie or by a field', async () => {
  const example = await start('session');
  const { ask, gateway } = example;
  const id = await begin(gateway, { user: 'u-1' });
  expect((await ask('GET /account/me', `Cookie: a=1; sid=${id}; b=2`, 'X-User-Id: root')).status).toBe(200);
  expect(last(example).get('x-user-id')).toEqual(['u-1']);
  expect(last(example).get('cookie')).toEqual(['a=1; b=2']);
  expect((await ask('GET /app/me', `X-Session: ${id}`)).status).toBe(200);
  expect(last(example).get('x-session')).toEqual([]);

  const refusal = [401, 'Session realm="sluice"'];
  expect(told(await ask('GET /account/me'))).toEqual(refusal);
  expect(told(await ask('GET /account/me', `X-Session: ${id}`))).toEqual(refusal);
  expect(told(await ask('GET /app/me', `Cookie: sid=${id}`))).toEqual(refusal);
  await request(gateway.adminPort, 'DELETE', `/api/v1/sessions/${id}`);
  expect(told(await ask('GET /account/me', `Cookie: sid=${id}`))).toEqual(refusal);
  expect(gateway.output).not.toContain(id);
});

test('basic: name and password of a consumer', async () => {
  const hash = hashPassword('correct horse');
  const example = await start('basic', {}, { [PASSWORD_HASH]: hash.trim() });
  const { ask } = example;
  const refusal = [401, 'Basic realm="Reports", charset="UTF-8"'];
  expect((await ask('GET /reports/1', basic('reporter', 'correct horse'))).status).toBe(200);
  expect(last(example).get('authorization')).toEqual([]);
  expect(last(example).get('x-consumer-id')).toEqual(['reports']);
  for (const fields of [[], [basic('reporter', 'wrong')], [basic('reports', 'correct horse')]])
    expect(told(await ask('GET /reports/1', ...fields))).toEqual(refusal);
});

test('auth: a key or a session, and visitors where they are welcome', async () => {
  const { key, hash } = newKey();
  const example = await start('auth', {}, { [SECOND_HASH]: hash });
  const { ask, gateway } = example;
  const cookie = `Cookie: sid=${await begin(gateway, { user: 'u-1', consumer: 'alice' })}`;
  const both = [401, 'ApiKey realm="sluice", Session realm="sluice"'];
  for (const path of ['/shop/x', '/catalogue/x'])
    for (const credential of [`X-Api-Key: ${key}`, cookie]) {
      expect((await ask(`GET ${path}`, credential)).status).toBe(200);
      expect(last(example).get('x-consumer-id')).toEqual(['alice']);
    }
  expect(told(await ask('GET /shop/x'))).toEqual(both);
  expect((await ask('GET /catalogue/x')).status).toBe(200);
  expect(last(example).get('x-consumer-id')).toEqual(['visitor']);
  expect((await ask('GET /catalogue/x', 'X-Api-Key: sk_wrong_key')).status).toBe(401);
});

test('access: by group, by scope, by name', async () => {
  const { key, hash } = newKey();
  const example = await start('access', {}, { [SECOND_HASH]: hash });
  const { ask, gateway } = example;
  const alice = `X-Api-Key: ${key}`;
  const withScopes = async (...scopes: string[]) =>
    `Cookie: sid=${await begin(gateway, { user: 'u-1', scopes })}`;
  expect((await ask('GET /wholesale/x', alice)).status).toBe(200);
  expect((await ask('GET /partner/x', alice)).status).toBe(200);
  expect((await ask('GET /partner/x')).status).toBe(401);
  expect((await ask('GET /orders/1', await withScopes('orders.read', 'orders.write'))).status).toBe(200);
  for (const credential of [alice, await withScopes('orders.read')]) {
    const before = example.origin.requests.length;
    const refused = await ask('GET /orders/1', credential);
    expect(refused.status).toBe(403);
    expect(JSON.parse(refused.body.toString())).toMatchObject({ type: 'urn:sluice:problem:forbidden' });
    expect(refused.body.toString()).not.toMatch(/orders\.|alice/);
    expect(example.origin.requests).toHaveLength(before);
  }
});

test('jwt: tokens of a provider by its key set, and of a service by one key, from cookie and query too', async () => {
  const key = await makeKey('k1', 'ES256');
  const issuer = await startIssuer(key);
  const { ask, origin, gateway } = await start('jwt', {}, { ':9100': `:${issuer.origin.port}` });
  const claims = { iss: 'https://id.example', aud: 'shop', sub: 'u-1', email: 'a@b.example' };
  const good = await sign(key, { ...claims, scope: 'profile orders.read' });
  const orders = (token: string, ...fields: string[]) =>
    ask('GET /orders', `Authorization: Bearer ${token}`, ...fields);

  expect((await orders(good, 'X-User-Id: root', 'X_User_Email: root')).status).toBe(200);
  const seen = origin.requests.at(-1)!;
  expect(seen.get('x-user-id')).toEqual(['u-1']);
  expect(seen.get('x-user-email')).toEqual(['a@b.example']);
  expect(seen.get('x_user_email')).toEqual([]);
  // A token is the caller's: the upstream may look at it too.
  expect(seen.get('authorization')).toEqual([`Bearer ${good}`]);

  const none = await ask('GET /orders');
  expect([none.status, none.get('www-authenticate')]).toEqual([401, 'Bearer realm="sluice"']);
  const bad = await orders(`${good.slice(0, -8)}AAAAAAAA`);
  expect([bad.status, bad.get('www-authenticate')]).toEqual([401, 'Bearer error="invalid_token"']);
  expect(bad.get('content-type')).toBe('application/problem+json');
  const poor = await orders(await sign(key, claims));
  expect([poor.status, poor.get('www-authenticate')]).toEqual([
    403,
    'Bearer error="insufficient_scope", scope="orders.read"',
  ]);

  // The example key of RFC 8037.
  const uploader: SigningKey = {
    kid: '2026-11',
    algorithm: 'EdDSA',
    privateKey: createPrivateKey({
      format: 'jwk',
      key: {
        kty: 'OKP',
        crv: 'Ed25519',
        d: 'nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A',
        x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo',
      },
    }),
    jwk: {},
  };
  const link = await sign(uploader, { iss: 'uploader', aud: ['files', 'x'], jti: 'l1' });
  expect((await ask('GET /files/a.png', `Cookie: a=1; files-token=${link}; b=2`)).status).toBe(200);
  expect((await ask(`GET /files/a.png?w=1&access%5Ftoken=${link}&h=2`)).status).toBe(200);
  expect(origin.requests.at(-1)!.url).toBe('/files/a.png?w=1&h=2');
  expect((await ask(`GET /files/a.png?access_token=${link}&access_token=${link}`)).status).toBe(401);
  expect((await orders(link)).status).toBe(401);
  expect((await ask('GET /files/a.png', `Authorization: Bearer ${good}`)).status).toBe(401);
  expect(gateway.output).not.toContain(link);
});
