import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { atEnd } from '../support/cleanup.ts';
import { startGateway } from '../support/gateway.ts';
import type { Gateway, GatewayOptions } from '../support/gateway.ts';
import { HIDE_KOFFI } from '../support/hide-koffi.ts';

const limited = (limit: object, more: object = {}) => ({
  version: 1,
  ...more,
  routes: [
    { id: 'hello', match: { paths: ['/hello'] }, respond: { body: 'hello' }, policies: { limit: [limit] } },
  ],
});
const start = (config: object, more: Partial<GatewayOptions> = {}) =>
  startGateway({ config, workers: 2, ...more });

/** Each over a connection of its own, so that both workers get some. */
async function statuses(gateway: Gateway, times: number): Promise<Record<number, number>> {
  const counts: Record<number, number> = {};
  const ask = async () => {
    const { status } = await fetch(`${gateway.url}/hello`, { headers: { connection: 'close' } });
    counts[status] = (counts[status] ?? 0) + 1;
  };
  await Promise.all(Array.from({ length: times }, ask));
  return counts;
}

const PER_HOUR = { by: 'ip', rate: '1/h', burst: 10 };

test('capacity 10, 15 at once over two workers: exactly 10 pass; a dead worker and a reload change nothing', async () => {
  const gateway = await start(limited(PER_HOUR));
  expect(await statuses(gateway, 15)).toEqual({ 200: 10, 429: 5 });
  const died = gateway.waitForLine(({ msg }) => msg === 'worker died');
  process.kill(gateway.workers()[0]!, 'SIGKILL');
  await died;
  expect(await statuses(gateway, 5)).toEqual({ 429: 5 });
  await gateway.reload(limited(PER_HOUR, { drain: '11s' }));
  expect(await statuses(gateway, 5)).toEqual({ 429: 5 });
});

test('where memory cannot be shared each worker enforces its part, and one line says so', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-test-'));
  atEnd(() => rmSync(folder, { recursive: true }));
  const hide = join(folder, 'hide-koffi.cjs');
  writeFileSync(hide, HIDE_KOFFI);
  const gateway = await start(limited(PER_HOUR), { env: { NODE_OPTIONS: `--require ${hide}` } });
  const line = await gateway.waitForLine(({ msg }) => String(msg).includes('cannot share memory'));
  expect(line).toMatchObject({ level: 'warn', workers: 2 });
  const counts = await statuses(gateway, 60);
  expect(counts[200]).toBeGreaterThanOrEqual(5);
  expect(counts[200]).toBeLessThanOrEqual(10);
});
