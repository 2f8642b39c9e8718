import { spawnSync } from 'node:child_process';
import { createSecretKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { newKey } from '../../src/auth/key-hash.ts';
import { hashPassword } from '../../src/auth/password.ts';
import { request, type Answer } from '../admin/request.ts';
import { startGateway, type Gateway } from '../support/gateway.ts';
import { makeKey, sign, type SigningKey } from '../support/issuer.ts';
import { startRedis } from '../support/redis.ts';

const REDIS_PASSWORD = 'redis-geheim-5e1f';
const JWT_SECRET = 'jwt-geheim-0123456789abcdefghijklmnop';
const NEXT_SECRET = 'jwt-geheim-kurz';
const ADMIN_TOKEN = 'admin-geheim-77aa';
const PASSWORD = 'basic-geheim pferd';
const stored = newKey();

const configOf = (redis: string, password: string, signer: SigningKey, secret = JWT_SECRET) => ({
  version: 1,
  log: { level: 'debug', query: true },
  admin: { tokens: [ADMIN_TOKEN] },
  store: { kind: 'redis', url: redis },
  consumers: [
    { id: 'alice', keys: [{ id: 'k1', hash: stored.hash }] },
    { id: 'carol', basic: { hash: password } },
  ],
  routes: Object.entries({
    key: { key: { query: 'api_key' } },
    session: { session: { header: 'x-session' } },
    basic: { basic: {} },
    jwt: {
      jwt: {
        issuers: [
          { issuer: 'own', secret },
          { issuer: 'other', jwks: { keys: [signer.jwk] } },
        ],
        query: 'access_token',
        cookie: 'token',
      },
    },
  }).map(([id, policies]) => ({ id, match: { paths: [`/${id}`] }, respond: { body: 'in' }, policies })),
});

/** All that was answered, as text: fields too. */
class Answers {
  text = '';
  readonly #gateway: Gateway;

  constructor(gateway: Gateway) {
    this.#gateway = gateway;
  }

  async ask(path: string, fields: Record<string, string> = {}): Promise<number> {
    return this.#keep(await request(this.#gateway.port, 'GET', path, undefined, { host: 'x', ...fields }));
  }

  async admin(method: string, path: string, body?: unknown, token = ADMIN_TOKEN): Promise<Answer> {
    const authorization = `Bearer ${token}`;
    const answer = await request(this.#gateway.adminPort, method, `/api/v1${path}`, body, { authorization });
    // What is made is shown once, to whom has made it.
    if (answer.status !== 201) this.#keep(answer);
    return answer;
  }

  #keep({ status, headers, text }: Answer): number {
    this.text += `${JSON.stringify(headers)}\n${text}\n`;
    return status;
  }
}

/** Command lines of everything that runs, and what the gateway's processes were told by their environment. */
function processes(gateway: Gateway): string {
  const { stdout } = spawnSync('ps', ['-eww', '-o', 'args'], { encoding: 'utf8' });
  // The Redis of this test is told its own password that way.
  const lines = stdout.split('\n').filter((line) => !line.includes('redis-server'));
  const pids = [gateway.pid, ...gateway.workers()];
  return [...lines, ...pids.map((each) => readFileSync(`/proc/${each}/environ`, 'utf8'))].join();
}

test('no secret is in a log, a metric, an answer or the list of processes, whatever goes wrong', async () => {
  const redis = await startRedis({
    args: ['--requirepass', REDIS_PASSWORD],
    cli: ['-a', REDIS_PASSWORD],
  });
  const url = redis.url.replace('//', `//:${REDIS_PASSWORD}@`);
  const [password, signer] = [hashPassword(PASSWORD).trim(), await makeKey('k')];
  const gateway = await startGateway({ workers: 2, config: configOf(url, password, signer) });
  const answers = new Answers(gateway);
  const { ask, admin } = { ask: answers.ask.bind(answers), admin: answers.admin.bind(answers) };

  const { json: made } = await admin('POST', '/consumers/alice/keys', { id: 'k2' });
  const { json: begun } = await admin('POST', '/sessions', { user: 'u-1' });
  const shared = createSecretKey(Buffer.from(JWT_SECRET));
  const tokens = [
    await sign(signer, { iss: 'other', sub: 'u-1' }),
    await sign({ kid: 's', algorithm: 'HS256', privateKey: shared, jwk: {} }, { iss: 'own', sub: 'u-1' }),
  ];
  const [keys, session] = [[stored.key, String(made['key'])], String(begun['id'])];
  const login = Buffer.from(`carol:${PASSWORD}`).toString('base64');
  const cut = (text: string) => text.slice(0, -2);

  /** Everything that lets in, whole and with its end cut off: what is nearly a secret is one too. */
  const every = async (of: (credential: string) => string): Promise<Set<number>> => {
    const statuses: number[] = [];
    for (const key of keys) statuses.push(await ask('/key', { 'x-api-key': of(key) }));
    for (const key of keys) statuses.push(await ask(`/key?api_key=${of(key)}&a=1`));
    statuses.push(await ask('/session', { cookie: `sid=${of(session)}` }));
    statuses.push(await ask('/session', { 'x-session': of(session) }));
    statuses.push(await ask('/basic', { authorization: `Basic ${of(login)}` }));
    for (const token of tokens) {
      statuses.push(await ask('/jwt', { authorization: `Bearer ${of(token)}` }));
      statuses.push(await ask('/jwt', { cookie: `token=${of(token)}` }));
      statuses.push(await ask(`/jwt?access_token=${of(token)}&a=1`));
    }
    return new Set(statuses);
  };
  expect(await every((whole) => whole)).toEqual(new Set([200]));
  expect(await every(cut)).toEqual(new Set([401]));
  for (const path of ['/consumers', '/consumers/alice', '/consumers/carol', '/consumers/alice/keys'])
    expect((await admin('GET', path)).status).toBe(200);
  expect((await admin('GET', '/consumers', undefined, cut(ADMIN_TOKEN))).status).toBe(401);
  expect((await admin('POST', '/sessions', { user: 7, token: tokens[0] })).status).toBe(422);

  // A configuration that is refused for its secret, a Redis that dies, a worker that dies.
  const refused = await gateway.reload(configOf(url, password, signer, NEXT_SECRET));
  expect(refused['msg']).toMatch(/^configuration refused/);
  await redis.kill();
  expect((await admin('POST', '/sessions', { user: 'u-2' })).status).toBe(503);
  process.kill(gateway.workers()[0]!, 'SIGKILL');
  await gateway.waitForLine(({ msg }) => msg === 'worker died');
  await gateway.waitForRequest({ route: 'jwt', status: 401 });
  const metrics = await (await fetch(`${gateway.adminUrl}/metrics`)).text();
  const places = { log: gateway.output, metrics, answers: answers.text, processes: processes(gateway) };

  // What was shown in a query is in the log, but for its value.
  for (const name of ['api_key', 'access_token']) expect(places.log).toContain(`${name}=***&a=1`);
  const secrets = [
    ...[REDIS_PASSWORD, JWT_SECRET, NEXT_SECRET, ADMIN_TOKEN, PASSWORD, login, session],
    ...[Buffer.from(JWT_SECRET).toString('base64url'), password.split('$').at(-1)!],
    ...keys.map((key) => key.split('_')[2]!),
    ...tokens.map((token) => token.split('.')[2]!),
    stored.hash.split(':')[3]!,
  ];
  for (const [place, text] of Object.entries(places)) {
    expect(text.length, place).toBeGreaterThan(500);
    // The last characters were cut off from some.
    for (const secret of secrets) expect(text.includes(cut(secret)), `${secret} in ${place}`).toBe(false);
  }
}, 40_000);
