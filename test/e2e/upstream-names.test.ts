import { type ChildProcess, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { beforeAll, expect, test } from 'vitest';
import { atEnd } from '../support/cleanup.ts';
import { type Gateway, startGateway } from '../support/gateway.ts';
import { connect } from '../support/raw.ts';
import { get } from './proxying.ts';

/** An origin on every address of this machine; its reply is the address that it was asked at. */
let port: number;
beforeAll(async () => {
  const server = createServer((request, response) => response.end(request.socket.localAddress));
  await new Promise<void>((resolve) => server.listen(0, '0.0.0.0', resolve));
  atEnd(() => void server.close().closeAllConnections());
  port = (server.address() as AddressInfo).port;
});

/** Writes files of a folder that goes when the test ends; gives their paths. */
function files(texts: Record<string, string>): Record<string, string> {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-names-'));
  atEnd(() => rmSync(folder, { recursive: true, force: true }));
  const paths = Object.keys(texts).map((name) => [name, join(folder, name)] as const);
  for (const [name, path] of paths) writeFileSync(path, texts[name]!);
  return Object.fromEntries(paths);
}

/** A gateway that finds other files of its own in /etc: it runs in a mount namespace, which takes root to make. */
function startWith(etc: Record<string, string>, name: string): Promise<Gateway> {
  const mounts = Object.entries(files(etc)).map(([file, path]) => `mount --bind ${path} /etc/${file}`);
  const told = 'echo "a mount namespace with its own /etc cannot be had: run this test as root" >&2';
  const script = `{ ${mounts.join(' && ')}; } || { ${told}; exit 1; }; exec "$@"`;
  return startGateway({
    under: ['unshare', '--mount', 'sh', '-c', script, 'sh'],
    config: {
      version: 1,
      upstreams: [{ id: 'u', targets: [{ url: `http://${name}:${port}` }] }],
      routes: [{ id: 'r', match: { paths: ['/*'] }, upstream: 'u' }],
    },
  });
}

/** Where the requests of a client go. */
async function reached(gateway: Gateway): Promise<string[]> {
  const client = await connect(gateway.port);
  const seen = new Set<string>();
  for (let i = 0; i < 10; i++) {
    await client.send(get('/'));
    const { status, body } = await client.reply();
    seen.add(status === 200 ? String(body) : String(status));
  }
  client.destroy();
  return [...seen].sort();
}

/** A name server that knows the names of a hosts file, each good for one second. */
async function startNames(address: string, hosts: string): Promise<ChildProcess> {
  const flags = ['keep-in-foreground', 'no-resolv', 'no-hosts', 'bind-interfaces', 'log-facility=-'];
  const values = ['conf-file=/dev/null', 'pid-file=', 'user=root', 'local=/test/', 'local-ttl=1'];
  const own = [`listen-address=${address}`, `addn-hosts=${hosts}`];
  const child = spawn(
    'dnsmasq',
    [...flags, ...values, ...own].map((each) => `--${each}`),
    {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { PATH: `${process.env['PATH']}:/usr/sbin` },
    },
  );
  atEnd(() => void child.kill('SIGKILL'));
  const said: string[] = [];
  await new Promise<void>((resolve, reject) => {
    child.once('error', reject);
    createInterface(child.stderr)
      .on('line', (line) => {
        said.push(line);
        if (line.includes('read ') && line.includes(hosts)) resolve();
      })
      .once('close', () => reject(new Error(`dnsmasq did not start: ${said.join('; ')}`)));
  });
  return child;
}

test('the hosts file is honoured, and all addresses of a name are used', async () => {
  const hosts = '127.0.0.1 localhost\n127.0.0.2 both.example\n127.0.0.3 both.example\n';
  const gateway = await startWith({ hosts, 'host.conf': 'multi on\n' }, 'both.example');
  await expect.poll(() => reached(gateway)).toEqual(['127.0.0.2', '127.0.0.3']);
});

test('search domains are honoured', async () => {
  const address = `127.53.${randomInt(256)}.${randomInt(1, 255)}`;
  const { zone } = files({ zone: '127.0.0.4 api.svc.test\n127.0.0.5 api.svc.test\n' });
  await startNames(address, zone!);
  const resolv = { 'resolv.conf': `search svc.test\nnameserver ${address}\n` };
  const gateway = await startWith(resolv, 'api');
  await expect.poll(() => reached(gateway)).toEqual(['127.0.0.4', '127.0.0.5']);
});

test('a name is asked for again after its time to live; without an answer the last good one stays', async () => {
  const address = `127.53.${randomInt(256)}.${randomInt(1, 255)}`;
  const { zone } = files({ zone: '127.0.0.4 api.svc.test\n' });
  const names = await startNames(address, zone!);
  const gateway = await startWith({ 'resolv.conf': `nameserver ${address}\n` }, 'api.svc.test');
  await expect.poll(() => reached(gateway)).toEqual(['127.0.0.4']);
  writeFileSync(zone!, '127.0.0.5 api.svc.test\n127.0.0.6 api.svc.test\n');
  names.kill('SIGHUP');
  await expect.poll(() => reached(gateway)).toEqual(['127.0.0.5', '127.0.0.6']);
  names.kill('SIGKILL');
  await gateway.waitForLine(({ msg }) => String(msg).startsWith('name cannot be resolved'), 15_000);
  expect(await reached(gateway)).toEqual(['127.0.0.5', '127.0.0.6']);
});
