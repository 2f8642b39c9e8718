import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { envelope, type GatewayConfig } from '../../src/contracts/config.ts';
import { Listeners } from '../../src/edge/listeners.ts';
import { commonName, handshake } from '../e2e/secure.ts';
import { createAuthority, type Certificate } from '../support/certs.ts';
import { atEnd } from '../support/cleanup.ts';
import { freePort } from '../support/ports.ts';
import { openDoor } from './door-support.ts';

type Pair = Pick<Certificate, 'cert' | 'key'>;

let one: Certificate;
let two: Certificate;
/** A key of a kind that the addon does not know. */
let foreign: Pair;
beforeAll(async () => {
  const authority = await createAuthority();
  [one, two] = [await authority.issue('one.example'), await authority.issue('two.example')];
  const folder = dirname(one.certFile);
  const [key, cert] = [join(folder, 'pss.key'), join(folder, 'pss.crt')];
  const openssl = (...args: string[]) => execFileSync('openssl', args, { stdio: 'ignore' });
  openssl('genpkey', '-algorithm', 'RSA-PSS', '-pkeyopt', 'rsa_keygen_bits:2048', '-out', key);
  openssl('req', '-x509', '-key', key, '-subj', '/CN=pss.example', '-days', '2', '-out', cert);
  foreign = { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') };
});

const noRuntime = () => {
  throw new Error('nothing is asked here');
};
/** Other tests' are there for a moment only. */
const leftovers = () => readdirSync('/dev/shm').filter((name) => name.startsWith('sluice-tls-'));

/** Listeners of that kind on free ports, and what they would be told. */
async function open(edge: 'uws' | 'node', ...first: Pair[]) {
  const [http, https] = [await freePort(), await freePort()];
  const host = '127.0.0.1';
  const config = (...certificates: Pair[]): GatewayConfig =>
    envelope.parse({
      version: 1,
      listen: {
        http: { host, port: http, edge },
        https: {
          host,
          port: https,
          certificates: certificates.map(({ cert, key }, i) => ({ cert, key, hosts: [`name${i}.example`] })),
        },
      },
    });
  const listeners = new Listeners(false, noRuntime, openDoor(), () => undefined);
  atEnd(() => {
    listeners.stopListening();
    listeners.close();
  });
  listeners.prepare(config(...first));
  await listeners.listen();
  const connect = (servername: string) => handshake(https, { servername, rejectUnauthorized: false });
  const shown = async (servername = '') => commonName(await connect(servername));
  return { listeners, config, connect, shown };
}

describe.each(['uws', 'node'] as const)('on the %s edge', (edge) => {
  test('what is prepared shows only once it is committed', async () => {
    const { listeners, config, shown } = await open(edge, one);
    expect(listeners.kind).toBe(edge);
    listeners.prepare(config(two, one));
    expect(await shown()).toBe('one.example');
    listeners.commit();
    expect(await shown()).toBe('two.example');
    expect(await shown('name1.example')).toBe('one.example');
    listeners.prepare(config(one));
    listeners.prepare(config(two, one));
    listeners.commit();
    expect(await shown()).toBe('two.example');
    await expect.poll(leftovers).toEqual([]);
  });

  test('connections of every generation are counted, and cut at the end', async () => {
    const { listeners, config, connect } = await open(edge, one);
    const sockets = [await connect('')];
    for (const pair of [two, one]) {
      listeners.prepare(config(pair));
      listeners.commit();
      sockets.push(await connect(''));
    }
    await expect.poll(() => listeners.connections).toBe(3);
    const closed = sockets.map((socket) => new Promise((resolve) => socket.once('close', resolve)));
    listeners.stopListening();
    await expect(connect('')).rejects.toThrow('ECONNREFUSED');
    listeners.close();
    await Promise.all(closed);
    await expect.poll(() => listeners.connections).toBe(0);
  });
});

test('what the addon cannot serve with is refused with its place, and nothing changes', async () => {
  const { listeners, config, shown } = await open('uws', one);
  expect(() => listeners.prepare(config(foreign))).toThrow('cannot serve with listen.https.certificates.0');
  expect(() => listeners.prepare(config(two, foreign))).toThrow(
    'cannot serve with listen.https.certificates.1',
  );
  listeners.commit();
  expect(await shown()).toBe('one.example');
  await expect.poll(leftovers).toEqual([]);
});

test('a hundred generations with connections on each cost little and harm nobody', async () => {
  const { listeners, config, connect } = await open('uws', one);
  const before = process.memoryUsage.rss();
  for (let i = 0; i < 100; i++) {
    listeners.prepare(config(i % 2 === 0 ? two : one));
    listeners.commit();
    expect(commonName(await connect(''))).toBe(i % 2 === 0 ? 'two.example' : 'one.example');
  }
  await expect.poll(() => listeners.connections).toBe(100);
  expect(process.memoryUsage.rss() - before).toBeLessThan(60 * 1024 * 1024);
});
