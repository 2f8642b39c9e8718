import { expect, test } from 'vitest';
import { envelope } from '../../src/contracts/config.ts';
import { Bans } from '../../src/edge/bans.ts';
import { addTable, countConnections } from '../../src/edge/kernel-table.ts';
import { PlainStore } from '../policies/limit-store.ts';
import { connect } from '../support/raw.ts';
import { startOrigin } from '../support/origin.ts';
import { noFacts, openDoor } from './door-support.ts';

const config = (limits: object, rest: object = {}) => envelope.parse({ version: 1, limits, ...rest });

test('reads the kernel’s tables: states that cost something, our ports, IPv4 in IPv6, networks', () => {
  const line = (local: string, remote: string, state: string) =>
    `   0: ${local} ${remote} ${state} 00000000:00000000 00:00000000 00000000     0        0 1 1 0 20\n`;
  const any = '0'.repeat(32);
  const tcp = `  sl  local_address rem_address   st\n${line('0100007F:1F90', '0200007F:C001', '01')}${line(
    '0100007F:1F90',
    '0200007F:C002',
    '08',
  )}${line('0100007F:1F90', '0200007F:C003', '06')}${line('0100007F:1F91', '0200007F:C004', '01')}${line(
    '00000000:1F90',
    '00000000:0000',
    '0A',
  )}`;
  const tcp6 = `  sl  local_address                         remote_address\n${line(
    `${any}:1F90`,
    '0000000000000000FFFF00000200007F:C005',
    '01',
  )}${line(`${any}:1F90`, 'B80D0120020001000000000001000000:C006', '01')}${line(
    `${any}:1F90`,
    'B80D01200200010000000000FF000000:C007',
    '01',
  )}`;
  const counts = new Map<string, number>();
  addTable(tcp, new Set([0x1f90]), counts);
  addTable(tcp6, new Set([0x1f90]), counts);
  expect(Object.fromEntries(counts)).toEqual({ '127.0.0.2': 3, '2001:db8:1:2::': 2 });
});

test('finds the connections that there are', async () => {
  const origin = await startOrigin();
  const clients = await Promise.all(['127.0.0.3', '127.0.0.3'].map((from) => connect(origin.port, { from })));
  const counts = await new Promise((resolve) => countConnections(new Set([origin.port]), resolve));
  expect(counts).toEqual(new Map([['127.0.0.3', 2]]));
  for (const client of clients) client.destroy();
});

test('is open unless it is told otherwise', () => {
  const door = openDoor();
  door.use(config({}));
  expect([door.guardsConnections, door.guardsRequests]).toEqual([false, false]);
  expect(door.refuses('192.0.2.1')).toBeNull();
});

test('who asks too much is banned, for requests and connections, on every listener', () => {
  const store = new PlainStore();
  const door = openDoor(store);
  door.use(config({ requestsPerIp: { rate: '2/s', ban: '1m' } }, { trustedProxies: ['10.0.0.0/8'] }));
  const answers = [1, 2, 3, 4].map(() => door.refuses('192.0.2.1')?.status ?? 200);
  expect(answers).toEqual([200, 200, 429, 429]);
  expect(door.refuses('192.0.2.1')?.headers).toEqual(expect.arrayContaining(['retry-after', '60']));
  expect(door.admits('192.0.2.1')).toBe(false);
  expect([door.refuses('192.0.2.2'), door.admits('192.0.2.2')]).toEqual([null, true]);
  // The bucket is not asked for those who are banned: it was only when they were not.
  expect(store.taken('-/requestsPerIp 192.0.2.1')).toBe(2);
  for (let i = 0; i < 9; i++) expect(door.refuses('10.1.2.3')).toBeNull();
  expect(door.refused).toEqual({ connections: 1, requests: 3 });
  // One network of IPv6 is one client.
  const v6 = ['::1', '::2', ':9::3'].map((end) => door.refuses(`2001:db8:1:2${end}`));
  expect(v6[2]?.status).toBe(429);
});

test('connections beyond the limit are not admitted, also before the kernel is asked again', () => {
  const door = openDoor();
  door.use(config({ connectionsPerIp: 2 }, { trustedProxies: ['10.0.0.0/8'] }));
  const admitted = (ip: string) => [1, 2, 3].map(() => door.admits(ip));
  expect(admitted('192.0.2.1')).toEqual([true, true, false]);
  expect(admitted('10.0.0.1')).toEqual([true, true, true]);
  door.close();
});

test('bans have a bound and an end', () => {
  const bans = new Bans(noFacts);
  for (let i = 0; i < 10_001; i++) bans.add(`c${i}`, 60_000);
  expect(bans.left('c0')).toBeGreaterThan(59_000);
  expect(bans.left('c10000')).toBe(0);
  const short = new Bans(noFacts);
  for (let i = 0; i < 10_000; i++) short.add(`c${i}`, 0);
  short.add('late', 60_000);
  expect([short.left('c1'), short.left('late') > 0]).toEqual([0, true]);
});
