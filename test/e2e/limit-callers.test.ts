import { beforeAll, expect, test } from 'vitest';
import { runCli } from '../support/cli.ts';
import { startGateway, type Gateway } from '../support/gateway.ts';
import { makeKey, sign, type SigningKey } from '../support/issuer.ts';

/** Limits that count by who is calling, with callers who have really shown who they are. */
const ISSUER = 'https://issuer.example';

let signing: SigningKey;
let keys: Record<'alice' | 'bob' | 'carol', string>;
let gateway: Gateway;

async function newKey(): Promise<{ key: string; hash: string }> {
  const { stdout } = await runCli(['key', 'new']);
  const [, key = '', hash = ''] = /^key {3}(\S+)\nhash {2}(\S+)\n$/.exec(stdout) ?? [];
  return { key, hash };
}

const route = (id: string, policies: object) => ({
  id,
  match: { paths: [`/${id}`] },
  respond: { body: id },
  policies,
});

beforeAll(async () => {
  signing = await makeKey('k');
  const [alice, bob, carol] = await Promise.all([newKey(), newKey(), newKey()]);
  keys = { alice: alice.key, bob: bob.key, carol: carol.key };
  const issuer = { issuer: ISSUER, jwks: { keys: [signing.jwk] }, algorithms: ['ES256'] };
  const limit = {
    by: 'consumer',
    rate: '2/h',
    name: 'calls',
    overrides: [
      { consumer: 'carol', rate: '5/h' },
      { group: 'gold', rate: '4/h' },
    ],
  };
  gateway = await startGateway({
    workers: 2,
    config: {
      version: 1,
      consumers: [
        { id: 'alice', keys: [{ id: 'k', hash: alice.hash }] },
        { id: 'bob', groups: ['gold'], keys: [{ id: 'k', hash: bob.hash }] },
        { id: 'carol', groups: ['gold'], keys: [{ id: 'k', hash: carol.hash }] },
      ],
      routes: [
        route('user', { jwt: { issuers: [issuer] }, limit: { by: 'user', rate: '3/h', name: 'user' } }),
        route('key', { key: {}, limit }),
        route('shield', {
          key: {},
          limit: [
            { by: 'ip', rate: '3/h', name: 'shield' },
            { by: 'consumer', rate: '1/h', name: 'inner' },
          ],
        }),
      ],
    },
  });
});

/** Statuses of requests one after the other, each on a connection of its own, so that both workers get their share. */
async function ask(path: string, times: number, headers: Record<string, string>): Promise<number[]> {
  const statuses = [];
  for (let i = 0; i < times; i++) {
    const reply = await fetch(gateway.url + path, { headers: { connection: 'close', ...headers } });
    await reply.arrayBuffer();
    statuses.push(reply.status);
  }
  return statuses;
}

const bearer = async (sub: string) => ({
  authorization: `Bearer ${await sign(signing, { iss: ISSUER, sub })}`,
});

test('by user: one bucket for each subject, whatever token it shows', async () => {
  expect(await ask('/user', 2, await bearer('ann'))).toEqual([200, 200]);
  expect(await ask('/user', 2, await bearer('ann'))).toEqual([200, 429]);
  expect(await ask('/user', 1, await bearer('ben'))).toEqual([200]);
  // Who is refused for the token is charged to nobody.
  expect(await ask('/user', 5, { authorization: 'Bearer no.such.token' })).toEqual(Array(5).fill(401));
  expect(await ask('/user', 2, await bearer('ben'))).toEqual([200, 200]);
});

test('by consumer: a rate for all, another for a group, another for one of them', async () => {
  const passed = async (key: string) =>
    (await ask('/key', 7, { 'x-api-key': key })).filter((status) => status === 200).length;
  expect([await passed(keys.alice), await passed(keys.bob), await passed(keys.carol)]).toEqual([2, 4, 5]);
});

test('a limit by address shields authentication: wrong keys are counted and then refused unseen', async () => {
  const wrong = { 'x-api-key': 'sk_aaaaaaaa_wrong' };
  expect(await ask('/shield', 3, wrong)).toEqual([401, 401, 401]);
  expect(await ask('/shield', 1, wrong)).toEqual([429]);
  expect(await ask('/shield', 1, { 'x-api-key': keys.alice })).toEqual([429]);
});
