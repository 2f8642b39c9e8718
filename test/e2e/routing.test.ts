import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { explain } from '../../src/config/explain.ts';
import { loadFile } from '../../src/config/load.ts';
import { atEnd } from '../support/cleanup.ts';
import { runCli } from '../support/cli.ts';
import { startGateway, type Gateway } from '../support/gateway.ts';
import { connect } from '../support/raw.ts';

const route = (id: string, match: object, more: object = {}) => ({
  id,
  match,
  respond: { body: id },
  ...more,
});

const CONFIG = {
  version: 1,
  routes: [
    route('rest', { paths: ['/*'] }),
    route('exact-host', { hosts: ['api.example'], paths: ['/h/*'] }),
    route('wild-host', { hosts: ['*.example'], paths: ['/h/*'] }),
    route('longer-wild', { hosts: ['*.eu.example'], paths: ['/h/*'] }),
    route('wild-only', { hosts: ['*.example'], paths: ['/only/here'] }),
    route('literal', { paths: ['/p/fixed'] }),
    route('param', { paths: ['/p/:id'] }),
    route('param-deep', { paths: ['/p/:id/deep/:more'] }),
    route('star', { paths: ['/p/*'] }),
    route('get', { paths: ['/m'], methods: ['GET'] }),
    route('post', { paths: ['/m'], methods: ['POST', 'PUT'] }),
    route('any-method', { paths: ['/n'] }),
    route('named-head', { paths: ['/n'], methods: ['HEAD'] }),
    route('tenant', { paths: ['/c'], headers: { 'x-tenant': 'acme' } }),
    route('debug', { paths: ['/c'], query: { debug: '1' } }),
    route('both', { paths: ['/c'], headers: { 'x-tenant': 'acme' }, query: { debug: '1' } }),
    route('plain', { paths: ['/c'] }),
    route('low', { paths: ['/prio'] }),
    route('high', { paths: ['/prio'] }, { priority: 5 }),
    route('first', { paths: ['/order'], query: { a: '1' } }),
    route('second', { paths: ['/order'], query: { b: '2' } }),
    route(
      'cors-put',
      { paths: ['/cors'], methods: ['PUT'] },
      { policies: { cors: { origins: ['https://a.example'] } } },
    ),
    route('cors-get', { paths: ['/cors'], methods: ['GET'] }),
  ],
  // Tells the route on every answer, refusals included.
  policies: { headers: { response: { set: { 'x-route': '{route}' } } } },
};

/** The same routes without the one that takes everything. */
const STRICT = { ...CONFIG, routes: CONFIG.routes.slice(1) };

interface Row {
  /** `METHOD target`. */
  readonly ask: string;
  readonly host?: string;
  readonly fields?: readonly string[];
  /** Id of the route, or the status that the gateway answers. */
  readonly gets: string | number;
  readonly allow?: string;
}

const PREFLIGHT = ['Origin: https://a.example'];

const ROWS: readonly Row[] = [
  { ask: 'GET /h/x', host: 'api.example', gets: 'exact-host' },
  { ask: 'GET /h/x', host: 'API.Example:8080', gets: 'exact-host' },
  { ask: 'GET /h/x', host: 'other.example', gets: 'wild-host' },
  { ask: 'GET /h/x', host: 'a.b.example', gets: 'wild-host' },
  { ask: 'GET /h/x', host: 'a.eu.example', gets: 'longer-wild' },
  { ask: 'GET /h/x', host: 'example', gets: 404 },
  { ask: 'GET /h/', host: 'api.example', gets: 'exact-host' },
  { ask: 'GET /h', host: 'api.example', gets: 404 },
  // A more specific host whose routes do not match hides nothing.
  { ask: 'GET /only/here', host: 'api.example', gets: 'wild-only' },
  { ask: 'GET /p/fixed', host: 'api.example', gets: 'literal' },
  { ask: 'GET /p/7', gets: 'param' },
  { ask: 'GET /p/7/deep/8', gets: 'param-deep' },
  { ask: 'GET /p/7/deep/', gets: 'star' },
  { ask: 'GET /p/', gets: 'star' },
  { ask: 'GET /p/%66ixed', gets: 'literal' },
  { ask: 'GET /x/../p/./fixed', gets: 'literal' },
  { ask: 'GET /P/fixed', gets: 404 },
  { ask: 'GET /p/a%2Fb', gets: 400 },
  { ask: 'GET /p/%zz', gets: 400 },
  { ask: 'GET /m', gets: 'get' },
  { ask: 'HEAD /m', gets: 'get' },
  { ask: 'PUT /m', gets: 'post' },
  { ask: 'DELETE /m', gets: 405, allow: 'GET, HEAD, POST, PUT' },
  { ask: 'OPTIONS /m', gets: 405, allow: 'GET, HEAD, POST, PUT' },
  { ask: 'HEAD /n', gets: 'named-head' },
  { ask: 'GET /n', gets: 'any-method' },
  { ask: 'PURGE /n', gets: 'any-method' },
  { ask: 'BREW /n', gets: 501 },
  { ask: 'GET /c', gets: 'plain' },
  { ask: 'GET /c', fields: ['X-Tenant: acme'], gets: 'tenant' },
  { ask: 'GET /c', fields: ['X-Tenant: other', 'X-Tenant: acme'], gets: 'tenant' },
  { ask: 'GET /c', fields: ['X-Tenant: ACME'], gets: 'plain' },
  { ask: 'GET /c?debug=1', gets: 'debug' },
  { ask: 'GET /c?x=0&debug=0&debug=1', gets: 'debug' },
  { ask: 'GET /c?debug=1', fields: ['X-Tenant: acme'], gets: 'both' },
  { ask: 'GET /prio', gets: 'high' },
  { ask: 'GET /order?b=2&a=1', gets: 'first' },
  { ask: 'GET /order?b=2', gets: 'second' },
  // A preflight is matched as the method that it asks for.
  { ask: 'OPTIONS /cors', fields: [...PREFLIGHT, 'Access-Control-Request-Method: PUT'], gets: 'cors-put' },
  { ask: 'OPTIONS /cors', fields: [...PREFLIGHT, 'Access-Control-Request-Method: GET'], gets: 'cors-get' },
  {
    ask: 'OPTIONS /cors',
    fields: [...PREFLIGHT, 'Access-Control-Request-Method: DELETE'],
    gets: 405,
    allow: 'GET, HEAD, PUT',
  },
  {
    ask: 'OPTIONS /cors',
    fields: ['Access-Control-Request-Method: PUT'],
    gets: 405,
    allow: 'GET, HEAD, PUT',
  },
  { ask: 'GET /none', gets: 404 },
];

let strict: Gateway;
let open: Gateway;
let file = '';

beforeAll(async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-routing-'));
  atEnd(() => rmSync(folder, { recursive: true, force: true }));
  file = join(folder, 'strict.yaml');
  writeFileSync(file, JSON.stringify(STRICT));
  [strict, open] = await Promise.all([startGateway({ config: STRICT }), startGateway({ config: CONFIG })]);
});

const named = ({ ask, host = 'test.example', fields = [] }: Row): string =>
  [ask, host, ...fields].join(' | ');

/** What the gateway does, in the words of a row. */
async function asked(gateway: Gateway, { ask, host = 'test.example', fields = [] }: Row) {
  using client = await connect(gateway.port);
  const length = ask.startsWith('PUT') ? ['Content-Length: 0'] : [];
  await client.send([`${ask} HTTP/1.1`, `Host: ${host}`, ...length, ...fields, '', ''].join('\r\n'));
  const reply = await client.reply(ask.split(' ')[0]);
  const id = reply.get('x-route') ?? '';
  const preflighted = reply.status === 204;
  if (id !== '-' && !preflighted && !ask.startsWith('HEAD')) expect(reply.body.toString()).toBe(id);
  if (id !== '-') expect([200, 204]).toContain(reply.status);
  return told(id === '-' ? reply.status : id, reply.get('allow'));
}

/** What `explain` says, in the words of a row. */
function explained({ ask, host = 'test.example', fields = [] }: Row) {
  const loaded = loadFile(file, { env: {} });
  if (!loaded.ok) throw new Error('the table itself is wrong');
  const [method = '', url = ''] = ask.split(' ');
  const headers = [`host: ${host}`, ...fields].flatMap((field) => {
    const [name = '', value = ''] = field.split(': ');
    return [name.toLowerCase(), value];
  });
  const found = explain(loaded.config, { method, url, headers });
  if (found.outcome === 'route') return told(found.route.id, undefined);
  return told(found.status, 'allow' in found ? found.allow : undefined);
}

/** The same from the command line. */
async function explainedByCli({ ask, host = 'test.example', fields = [] }: Row) {
  const headers = [`host: ${host}`, ...fields].flatMap((each) => ['-H', each]);
  const { code, stdout, stderr } = await runCli(['explain', '-c', file, ...ask.split(' '), ...headers]);
  expect(code, stderr).toBe(0);
  const id = /^route +(\S+)$/m.exec(stdout)?.[1];
  const status = /^answer +(\d+)/m.exec(stdout)?.[1];
  return told(id ?? Number(status), /^allow +(.+)$/m.exec(stdout)?.[1]);
}

const told = (gets: string | number, allow: string | undefined) =>
  allow === undefined ? { gets } : { gets, allow };

test.each(ROWS.map((row) => [named(row), row] as const))('%s', async (_, row) => {
  expect(await asked(strict, row)).toEqual(told(row.gets, row.allow));
  expect(explained(row)).toEqual(told(row.gets, row.allow));
});

test('`sluice explain` says the same on the command line', async () => {
  // A process each: not all of them.
  const rows = ROWS.filter((_, i) => i % 6 === 0 || ROWS[i]!.allow !== undefined);
  const found = await Promise.all(rows.map(explainedByCli));
  expect(found).toEqual(rows.map(({ gets, allow }) => told(gets, allow)));
});

test('with a route for everything, nothing is 404 or 405', async () => {
  for (const row of ROWS.filter(({ gets }) => gets === 404 || gets === 405))
    expect(await asked(open, row), named(row)).toEqual({ gets: 'rest' });
});
