import { Agent, request } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { atEnd } from '../support/cleanup.ts';
import { EDGES, expectMetric, startProxy, through } from './proxying.ts';

/** An origin whose replies are as long as the path says, and tell which request they answer. */
async function startNaming(): Promise<number> {
  const server = createServer(({ url = '' }, reply) => {
    const [, id, length] = /(\d+)-(\d+)$/.exec(url)!;
    const body = `${id!}:`.repeat(Math.ceil(Number(length) / 2)).slice(0, Number(length));
    reply.writeHead(200, { 'x-id': id!, 'x-pad': 'p'.repeat(Number(length) % 700) }).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  atEnd(() => void server.close().closeAllConnections());
  return (server.address() as AddressInfo).port;
}

/** Lengths around all bounds: nothing, a few bytes, near 4 KB, near a cork, more. */
const LENGTHS = [0, 1, 86, 700, 4_095, 4_096, 4_097, 14_900, 16_384, 70_000];

test.each(EDGES)('%s: of many replies at once each reaches its own client, whole', async (edge) => {
  const { upstream, route } = through('a', await startNaming());
  const gateway = await startProxy(edge, { workers: 1, upstreams: [upstream], routes: [route] });
  const agent = new Agent({ keepAlive: true, maxSockets: 100 });
  atEnd(() => agent.destroy());
  let wrong = 0;
  let right = 0;
  let left = 0;
  const ask = (id: number) =>
    new Promise<void>((resolve) => {
      const length = LENGTHS[id % LENGTHS.length]!;
      const expected = `${id}:`.repeat(Math.ceil(length / 2)).slice(0, length);
      const asked = request(`${gateway.url}/a/${id}-${length}`, { agent }, (reply) => {
        let body = '';
        reply.on('data', (chunk: Buffer) => (body += chunk.toString('latin1')));
        reply.on('end', () => {
          const good = reply.statusCode === 200 && reply.headers['x-id'] === String(id) && body === expected;
          if (good) right++;
          else wrong++;
          resolve();
        });
        reply.on('error', () => resolve());
      });
      asked.on('error', () => resolve());
      asked.end();
      // One in ten does not wait for its answer.
      if (id % 10 !== 3) return;
      left++;
      setTimeout(() => asked.destroy(), id % 4).unref();
      setTimeout(resolve, 50);
    });
  for (let round = 0; round < 10; round++)
    await Promise.all(Array.from({ length: 200 }, (_, i) => ask(round * 200 + i)));
  expect(wrong).toBe(0);
  expect(right).toBeGreaterThanOrEqual(2_000 - left);
  // Each is told of once, whatever became of it.
  await expectMetric(gateway, 'sluice_active_requests', {}, 0);
});
