import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { Agent } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, test } from 'vitest';
import { createAuthority, type Authority, type Certificate } from '../support/certs.ts';
import { atEnd } from '../support/cleanup.ts';
import { runCli } from '../support/cli.ts';
import { startGateway, type Gateway } from '../support/gateway.ts';
import { startOrigin } from '../support/origin.ts';
import { connect } from '../support/raw.ts';
import { EDGES, expectMetric, type EdgeKind } from './proxying.ts';
import { ask, commonName, handshake, securePort } from './secure.ts';

let authority: Authority;
let a: Certificate;
let wild: Certificate;
let b: Certificate;
beforeAll(async () => {
  authority = await createAuthority();
  a = await authority.issue('a.example');
  wild = await authority.issue('*.wild.example');
  b = await authority.issue('b.example', 'a.example');
});

/** A folder with certificate files that tests replace, each whole. */
class Files {
  readonly folder = mkdtempSync(join(tmpdir(), 'sluice-tls-test-'));

  constructor() {
    atEnd(() => rmSync(this.folder, { recursive: true, force: true }));
  }

  put(name: string, { cert, key }: Pick<Certificate, 'cert' | 'key'>): { cert: string; key: string } {
    const files = { cert: join(this.folder, `${name}.crt`), key: join(this.folder, `${name}.key`) };
    for (const [file, text] of [[files.cert, cert] as const, [files.key, key] as const]) {
      writeFileSync(`${file}.new`, text);
      renameSync(`${file}.new`, file);
    }
    return files;
  }
}

interface Setup {
  readonly certificates?: object[];
  readonly https?: object;
  readonly workers?: number;
  readonly more?: object;
}

const configOf = (url: string, { certificates, https, more }: Setup) => ({
  version: 1,
  listen: {
    http: { port: 0 },
    https: {
      port: 0,
      certificates: certificates ?? [
        { cert: a.certFile, key: a.keyFile },
        { cert: wild.certFile, key: wild.keyFile },
        { cert: b.certFile, key: b.keyFile, hosts: ['b.example'] },
      ],
      ...https,
    },
  },
  limits: { bodyBytes: '64MB' },
  upstreams: [{ id: 'origin', targets: [{ url }] }],
  routes: [{ id: 'all', match: { paths: ['/*'] }, upstream: 'origin' }],
  ...more,
});

async function start(edge: EdgeKind, setup: Setup = {}, origin?: Awaited<ReturnType<typeof startOrigin>>) {
  const behind = origin ?? (await startOrigin());
  const config = configOf(behind.url, setup);
  const gateway = await startGateway({ config, workers: setup.workers ?? 1, env: { SLUICE_EDGE: edge } });
  return { gateway, port: await securePort(gateway), origin: behind, pids: gateway.workers(), config };
}

/** The ways in which a client can trust what the tests issue. */
const trust = () => ({ ca: authority.cert });

const applied = (gateway: Gateway, generation: number) =>
  gateway.waitForLine((line) => line['msg'] === 'configuration applied' && line['generation'] === generation);

describe.each(EDGES)('on the %s edge', (edge) => {
  test('each name gets its certificate, any other the first; the log holds nothing but its lines', async () => {
    const { gateway, port, origin } = await start(edge);
    const shown = async (servername: string) =>
      commonName(await handshake(port, { servername, rejectUnauthorized: false }));
    expect(await shown('a.example')).toBe('a.example');
    expect(await shown('b.example')).toBe('b.example');
    expect(await shown('x.wild.example')).toBe('*.wild.example');
    expect(await shown('wild.example')).toBe('a.example');
    expect(await shown('x.y.wild.example')).toBe('a.example');
    expect(await shown('unknown.example')).toBe('a.example');
    expect(await shown('')).toBe('a.example');

    for (const name of ['a.example', 'x.wild.example', 'b.example']) {
      const { status } = await ask(port, name, { ...trust(), path: `/${name}` });
      expect(status).toBe(200);
      await gateway.waitForRequest({ path: `/${name}`, host: name, status: 200 });
    }
    expect(origin.requests.map((each) => each.get('x-forwarded-proto'))).toEqual([
      ['https'],
      ['https'],
      ['https'],
    ]);
    expect((await fetch(`${gateway.url}/plain`)).status).toBe(200);
    expect(origin.requests.at(-1)?.get('x-forwarded-proto')).toEqual(['http']);
    const printed = gateway.output.trimEnd().split('\n');
    for (const line of printed) expect(() => void JSON.parse(line)).not.toThrow();
  });

  test('TLS 1.2 and 1.3 with forward secrecy and AEAD; nothing older, nothing weaker', async () => {
    const { port } = await start(edge);
    const outcome = async (...args: string[]) => {
      const all = ['s_client', '-connect', `127.0.0.1:${port}`, '-servername', 'a.example', ...args];
      const run = promisify(execFile)('openssl', all, { timeout: 10_000 });
      run.child.stdin?.end();
      const { stdout } = await run.catch((error: unknown) => error as { stdout: string });
      return /Cipher is (\S+)/.exec(stdout)?.[1] ?? '(NONE)';
    };
    expect(await outcome('-tls1_3')).toMatch(/^TLS_/);
    expect(await outcome('-tls1_2')).toMatch(/^ECDHE-ECDSA-AES\d+-GCM/);
    expect(await outcome('-tls1_2', '-cipher', 'ECDHE-ECDSA-CHACHA20-POLY1305')).toMatch('CHACHA20');
    const weak = ['-cipher', 'DEFAULT@SECLEVEL=0'];
    expect(await outcome('-tls1', ...weak)).toBe('(NONE)');
    expect(await outcome('-tls1_1', ...weak)).toBe('(NONE)');
    for (const cipher of [
      'AES128-SHA',
      'AES128-GCM-SHA256',
      'ECDHE-ECDSA-AES128-SHA',
      'ECDHE-ECDSA-AES128-SHA256',
    ])
      expect([cipher, await outcome('-tls1_2', '-cipher', cipher)]).toEqual([cipher, '(NONE)']);
  });

  test('20 MB in both directions arrive as they were sent, over one connection', async () => {
    const received: string[] = [];
    const origin = await startOrigin((request, response) => {
      const hash = createHash('sha256');
      request
        .on('data', (chunk: Buffer) => hash.update(chunk))
        .on('end', () => {
          received.push(hash.digest('hex'));
          response.end(bytes);
        });
    });
    const bytes = randomBytes(20 * 1024 * 1024);
    const { port, gateway } = await start(edge, {}, origin);
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    atEnd(() => agent.destroy());
    for (const chunked of [false, true]) {
      const headers = chunked
        ? { 'transfer-encoding': 'chunked' }
        : { 'content-length': String(bytes.length) };
      const reply = await ask(port, 'a.example', { ...trust(), method: 'POST', send: bytes, headers, agent });
      expect(reply.status).toBe(200);
      expect(reply.body.equals(bytes)).toBe(true);
      expect(received.at(-1)).toBe(createHash('sha256').update(bytes).digest('hex'));
    }
    // A chunked request is the last of its connection on uws.
    await expectMetric(gateway, 'sluice_connections', {}, edge === 'uws' ? 0 : 1);
  });

  test('plain HTTP and garbage on the TLS port are closed without harm', async () => {
    const { port, pids, gateway } = await start(edge);
    for (const bytes of [
      'GET / HTTP/1.1\r\nHost: a.example\r\n\r\n',
      '\x16\x03\x01\x00\x05hello',
      '\0'.repeat(5000),
    ]) {
      const client = await connect(port);
      await client.send(bytes);
      expect((await client.untilClosed(15_000)).toString('latin1')).not.toMatch(/HTTP/);
    }
    expect((await ask(port, 'a.example', trust())).status).toBe(200);
    expect(gateway.workers()).toEqual(pids);
  });

  test('a client that begins no handshake is closed in the time for a head', async () => {
    const { port, origin } = await start(edge, { more: { limits: { headerTimeout: '4s' } } });
    const client = await connect(port);
    const from = performance.now();
    expect((await client.untilClosed(25_000)).toString('latin1')).not.toMatch(/HTTP/);
    // Up to 8 s late on uws.
    expect(performance.now() - from).toBeLessThan(4_000 + 8_000 + 5_000);
    expect(origin.requests).toHaveLength(0);
  });

  test('certificates change under load: not one request fails, a download goes on, then only the new one is shown', async () => {
    const files = new Files();
    const held: (() => void)[] = [];
    const half = randomBytes(3 * 1024 * 1024);
    const origin = await startOrigin((request, response) => {
      if (request.url !== '/long') return void response.end('ok');
      response.writeHead(200, { 'content-length': String(2 * half.length) });
      response.write(half);
      held.push(() => response.end(half));
    });
    const pair = files.put('a', a);
    const { gateway, port, pids } = await start(edge, { certificates: [pair], workers: 2 }, origin);
    const download = ask(port, 'a.example', { ...trust(), path: '/long' });
    await expect.poll(() => held.length).toBe(1);

    const seen: string[] = [];
    let going = true;
    const client = async (agent: Agent | false) => {
      while (going) {
        const { status, certificate } = await ask(port, 'a.example', { ...trust(), agent });
        seen.push(status === 200 ? certificate : `status ${status}`);
      }
    };
    const agents = Array.from({ length: 4 }, () => new Agent({ keepAlive: true, maxSockets: 1 }));
    atEnd(() => agents.forEach((agent) => agent.destroy()));
    const clients = [false as const, false as const, false as const, false as const, ...agents].map(client);
    for (const [i, next] of [b, a, b, a, b].entries()) {
      const from = seen.length;
      await expect.poll(() => seen.length).toBeGreaterThan(from + 20);
      files.put('a', next);
      await applied(gateway, i + 2);
    }
    const from = seen.length;
    await expect.poll(() => seen.length).toBeGreaterThan(from + 40);
    going = false;
    await Promise.all(clients);
    expect(new Set(seen)).toEqual(new Set(['a.example', 'b.example']));
    for (let i = 0; i < 8; i++) expect((await ask(port, 'a.example', trust())).certificate).toBe('b.example');
    held.forEach((finish) => finish());
    const { body, certificate } = await download;
    expect([certificate, body.equals(Buffer.concat([half, half]))]).toEqual(['a.example', true]);
    expect(gateway.workers()).toEqual(pids);
  });

  test('a bad new file is refused with its reason and the old certificate goes on', async () => {
    const files = new Files();
    const { gateway, port } = await start(edge, { certificates: [files.put('a', a)] });
    files.put('a', { cert: b.cert, key: a.key });
    const { mistakes } = await gateway.waitForLine(
      ({ msg }) => msg === 'configuration refused: the old one goes on',
    );
    expect(mistakes).toEqual([
      expect.stringMatching(/certificates\.0\.key: cert and key cannot be used together/),
    ]);
    expect((await ask(port, 'a.example', trust())).certificate).toBe('a.example');
    files.put('a', b);
    await applied(gateway, 2);
    expect((await ask(port, 'a.example', trust())).certificate).toBe('b.example');
  });

  test('a reload of something else leaves the listener as it is: sessions go on', async () => {
    const { gateway, port, config } = await start(edge);
    const options = { servername: 'a.example', ...trust(), maxVersion: 'TLSv1.2' as const };
    const session = (await handshake(port, options)).getSession();
    const resumed = async () =>
      (await handshake(port, { ...options, ...(session && { session }) })).isSessionReused();
    expect(await resumed()).toBe(true);
    expect(await gateway.reload({ ...config, drain: '7s' })).toMatchObject({ generation: 2 });
    expect(await resumed()).toBe(true);
    const https = { ...config.listen.https, certificates: [{ cert: b.certFile, key: b.keyFile }] };
    expect(await gateway.reload({ ...config, listen: { ...config.listen, https } })).toMatchObject({
      generation: 3,
    });
    expect(await resumed()).toBe(false);
  });

  test('what is fixed with the port is refused by name', async () => {
    const { gateway, port, config } = await start(edge);
    const reasonOf = async (listen: object) => (await gateway.reload({ ...config, listen }))['reason'];
    expect(await reasonOf({ http: { port: 0 } })).toBe('a restart is needed to change listen.https');
    expect(await reasonOf({ ...config.listen, https: { ...config.listen.https, host: '127.0.0.1' } })).toBe(
      'a restart is needed to change listen.https.host',
    );
    expect((await ask(port, 'a.example', trust())).status).toBe(200);
  });

  test('a drain answers what runs over TLS, closes the port, and ends well', async () => {
    const waiting: (() => void)[] = [];
    const origin = await startOrigin((_, response) => void waiting.push(() => response.end('late')));
    const { gateway, port } = await start(edge, { workers: 2 }, origin);
    const agent = new Agent({ keepAlive: true });
    atEnd(() => agent.destroy());
    const running = [1, 2, 3, 4].map(() => ask(port, 'b.example', { ...trust(), agent }));
    await expect.poll(() => waiting.length).toBe(4);
    process.kill(gateway.pid, 'SIGTERM');
    await gateway.waitForLine(({ msg }) => msg === 'draining');
    await expect
      .poll(() =>
        handshake(port, { servername: 'a.example', ...trust() }).then(
          () => 'open',
          () => 'closed',
        ),
      )
      .toBe('closed');
    for (const finish of waiting) finish();
    for (const { status, body, headers } of await Promise.all(running))
      expect([status, body.toString(), headers.connection]).toEqual([200, 'late', 'close']);
    expect(await gateway.exited).toBe(0);
  });

  test('redirect: what comes over http is sent to https, before any policy', async () => {
    const routes = [
      {
        id: 'moved',
        match: { paths: ['/moved/*'] },
        upstream: 'origin',
        redirect: 'https',
        policies: { ip: { deny: ['127.0.0.1'] } },
      },
      { id: 'all', match: { paths: ['/*'] }, redirect: 'https', respond: { body: 'own' } },
    ];
    const { gateway, port, config } = await start(edge, { more: { routes } });
    const location = async (path: string, init: RequestInit = {}) => {
      const reply = await fetch(gateway.url + path, { redirect: 'manual', ...init });
      return [reply.status, reply.headers.get('location')];
    };
    const to = `https://127.0.0.1:${port}`;
    expect(await location('/moved/a/../b?x=1&y=%20')).toEqual([308, `${to}/moved/b?x=1&y=%20`]);
    expect(await location('/moved/a', { method: 'POST', body: 'x' })).toEqual([308, `${to}/moved/a`]);
    expect(await location('/other', { method: 'HEAD' })).toEqual([308, `${to}/other`]);
    expect((await ask(port, 'a.example', { ...trust(), path: '/moved/a' })).status).toBe(403);
    expect((await ask(port, 'a.example', { ...trust(), path: '/x' })).body.toString()).toBe('own');
    await gateway.waitForRequest({ route: 'moved', status: 308, path: '/moved/b' });

    const https = { ...config.listen.https, publicPort: 443 };
    await gateway.reload({ ...config, listen: { ...config.listen, https }, trustedProxies: ['127.0.0.1'] });
    expect(await location('/x')).toEqual([308, 'https://127.0.0.1/x']);
    const claims = { 'x-forwarded-host': 'shop.example:8080' };
    expect(await location('/x', { headers: claims })).toEqual([308, 'https://shop.example/x']);
    expect(await location('/x', { headers: { ...claims, 'x-forwarded-proto': 'https' } })).toEqual([
      200,
      null,
    ]);
  });
});

describe('mutual TLS on the node edge', () => {
  let client: Certificate;
  let rogue: Certificate;
  beforeAll(async () => {
    client = await authority.issue('client.example');
    rogue = await (await createAuthority()).issue('client.example');
  });

  const https = (more: object = {}) => ({ edge: 'node', clientCa: authority.certFile, ...more });
  const outcome = (port: number, name: string, pair: Partial<Certificate>) =>
    ask(port, name, { ...trust(), cert: pair.cert, key: pair.key, rejectUnauthorized: false }).then(
      ({ status }) => status,
      () => 'refused',
    );

  test('only who shows a valid certificate is served, whatever the name and the version', async () => {
    const { gateway, port, origin, pids } = await start('uws', { https: https() });
    for (const name of ['a.example', 'b.example', 'unknown.example']) {
      expect(await outcome(port, name, client)).toBe(200);
      expect(await outcome(port, name, {})).toBe('refused');
      expect(await outcome(port, name, rogue)).toBe('refused');
    }
    expect(origin.requests).toHaveLength(3);
    expect((await fetch(gateway.url)).status).toBe(200);
    expect(gateway.workers()).toEqual(pids);
  });

  test('where it is only asked for, one that is given must be valid', async () => {
    const { port } = await start('node', { https: https({ clientCert: 'request' }) });
    expect(await outcome(port, 'b.example', client)).toBe(200);
    expect(await outcome(port, 'b.example', {})).toBe(200);
    expect(await outcome(port, 'b.example', rogue)).toBe('refused');
  });

  test('other authorities take effect at reload, without a way back through old sessions', async () => {
    const files = new Files();
    const { cert } = files.put('ca', authority);
    const { gateway, port } = await start('node', { https: https({ clientCa: cert }) });
    const options = { servername: 'a.example', ...trust(), cert: client.cert, key: client.key };
    const before = await handshake(port, { ...options, maxVersion: 'TLSv1.2' });
    const session = before.getSession();
    files.put('ca', await createAuthority());
    await applied(gateway, 2);
    expect(await outcome(port, 'a.example', client)).toBe('refused');
    await expect(
      handshake(port, { ...options, maxVersion: 'TLSv1.2', ...(session && { session }) }),
    ).rejects.toThrow();
  });

  test('TLS 1.3 only; clients that want another protocol than HTTP/1.1 are told so', async () => {
    const { port } = await start('node', { https: { edge: 'node', minVersion: 'TLSv1.3' } });
    const options = { servername: 'a.example', ...trust() };
    expect((await handshake(port, options)).getProtocol()).toBe('TLSv1.3');
    await expect(handshake(port, { ...options, maxVersion: 'TLSv1.2' })).rejects.toThrow();
    const both = await handshake(port, { ...options, ALPNProtocols: ['h2', 'http/1.1'] });
    expect(both.alpnProtocol).toBe('http/1.1');
    await expect(handshake(port, { ...options, ALPNProtocols: ['h2'] })).rejects.toThrow(
      /no application protocol/i,
    );
  });
});

test('a taken port ends the start with one line', async () => {
  const origin = await startOrigin();
  const config = configOf(origin.url, { https: { port: origin.port, host: '127.0.0.1' } });
  await expect(startGateway({ config })).rejects.toThrow(
    `cannot listen on 127.0.0.1:${origin.port}: the port is in use`,
  );
});

test('check tells what is hardly meant so and still says ok', async () => {
  const files = new Files();
  const file = join(files.folder, 'gateway.json');
  files.put('a', a);
  const certificates = [{ cert: 'a.crt', key: 'a.key', hosts: ['z.example'] }];
  writeFileSync(file, JSON.stringify({ version: 1, listen: { https: { port: 8443, certificates } } }));
  const { code, stdout, stderr } = await runCli(['check', '-c', file]);
  expect([code, stdout]).toEqual([0, `${file}: ok, 0 routes, 0 upstreams\n`]);
  expect(stderr).toMatch(
    /^warning: \S+:1:\d+ listen\.https\.certificates\.0\.hosts\.0: .*not made out to z\.example/,
  );
});
