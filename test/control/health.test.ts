import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { health } from '../../src/contracts/health.ts';
import { HealthMonitor, judge, type Probed, type Standing } from '../../src/control/health.ts';
import { statusTest } from '../../src/control/targets.ts';
import { createAuthority } from '../support/certs.ts';
import { startOrigin, startTcpOrigin } from '../support/origin.ts';

const rules = (extra: object = {}) => {
  const { active } = health.parse({ active: { interval: '20ms', timeout: '10s', ...extra } });
  return active!;
};
const probed = (
  id: string,
  port: number,
  extra: object = {},
  plan: Partial<Probed['plan']> = {},
): Probed => ({
  id,
  rules: rules(extra),
  plan: {
    connect: '127.0.0.1',
    port,
    tls: null,
    name: '127.0.0.1',
    path: '/up?x=1',
    host: 'origin.example',
    timeout: rules(extra).timeout,
    good: statusTest(rules(extra).statuses),
    ...plan,
  },
});

type Told = readonly [id: string, healthy: boolean | null, why: string | null];
let monitor: HealthMonitor;
/** Collects what is told; `next` waits for one more. */
function watch() {
  const told: Told[] = [];
  let wake = () => {};
  monitor = new HealthMonitor((...each) => {
    told.push(each);
    wake();
  });
  const next = () => new Promise<void>((resolve) => (wake = resolve));
  return { told, next };
}
afterEach(() => monitor?.close());

const run = (from: boolean | null, probes: string) =>
  [...probes].reduce<Standing>((standing, each) => judge(standing, each === '+', rules()), {
    healthy: from,
    streak: 0,
  }).healthy;

test.each([
  [null, '-----', null],
  [null, '--+', true],
  [true, '--', true],
  [true, '---', false],
  [true, '--+--', true],
  [false, '+', false],
  [false, '++', true],
  [false, '+-+', false],
])('from %s over %s to %s', (from, probes, to) => {
  expect(run(from, probes)).toBe(to);
});

test('a good origin is asked as told, told once, and asked again and again', async () => {
  const origin = await startOrigin();
  const { told } = watch();
  monitor.follow([probed('u a', origin.port)]);
  expect(monitor.settled).toBe(false);
  await monitor.firstRound();
  expect(told).toEqual([['u a', true, null]]);
  const [request] = origin.requests;
  expect(request).toMatchObject({ method: 'GET', url: '/up?x=1' });
  expect(request!.get('host')).toEqual(['origin.example']);
  await expect.poll(() => origin.requests.length).toBeGreaterThan(3);
  expect(told).toHaveLength(1);
});

test('down after three bad probes, up again after two good ones', async () => {
  let status = 200;
  const origin = await startOrigin((_, response) => response.writeHead(status).end());
  const { told, next } = watch();
  monitor.follow([probed('u a', origin.port)]);
  await monitor.firstRound();
  status = 500;
  const seen = origin.requests.length;
  await next();
  expect(told.at(-1)).toEqual(['u a', false, 'status 500']);
  expect(origin.requests.length - seen).toBeGreaterThanOrEqual(3);
  status = 204;
  await next();
  expect(told.at(-1)).toEqual(['u a', true, null]);
});

test('whoever refuses or stalls was probed too, and is not told of before he was ever well', async () => {
  const silent = await startTcpOrigin(() => undefined);
  const gone = await startOrigin();
  await gone.stop();
  const { told } = watch();
  monitor.follow([probed('u silent', silent.port, { timeout: '200ms' }), probed('u gone', gone.port)]);
  await monitor.firstRound();
  expect(told).toEqual([]);
  expect([monitor.healthy('u silent'), monitor.healthy('u gone')]).toEqual([null, null]);
});

test('what stays in the list keeps its standing; what goes is forgotten, and new when it comes back', async () => {
  const origin = await startOrigin();
  const other = await startOrigin();
  const { told } = watch();
  monitor.follow([probed('u a', origin.port)]);
  await monitor.firstRound();
  monitor.follow([probed('u a', origin.port), probed('u b', other.port)]);
  expect(monitor.healthy('u a')).toBe(true);
  await monitor.firstRound();
  await other.stop();
  monitor.follow([probed('u a', origin.port)]);
  expect(told.at(-1)).toEqual(['u b', null, null]);
  monitor.follow([probed('u a', origin.port), probed('u b', other.port)]);
  await monitor.firstRound();
  expect(monitor.healthy('u b')).toBeNull();
});

test('over TLS the certificate counts, as it does for requests', async () => {
  const authority = await createAuthority();
  const { cert, key } = await authority.issue('origin.example');
  const server = createServer({ cert, key }, (_, response) => response.end('ok'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  watch();
  const tls = { ca: authority.cert, verify: true };
  monitor.follow([
    probed('u right', port, {}, { tls, name: 'origin.example' }),
    probed('u wrong', port, {}, { tls, name: 'another.example' }),
    probed('u any', port, {}, { tls: { verify: false }, name: 'another.example' }),
  ]);
  await monitor.firstRound();
  expect(['right', 'wrong', 'any'].map((each) => monitor.healthy(`u ${each}`))).toEqual([true, null, true]);
  server.close();
});

test('statuses and ranges of them', () => {
  const good = statusTest([204, '300-399']);
  expect([200, 204, 299, 300, 399, 400].map(good)).toEqual([false, true, false, true, true, false]);
});
