import { once } from 'node:events';
import { Agent, createServer, request } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { expect, test } from 'vitest';
import { atEnd } from '../support/cleanup.ts';
import { startTcpOrigin } from '../support/origin.ts';
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

const UPLOAD = 'POST /a/x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n';
const REFUSAL = 'HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno';

test.each(EDGES)('%s: uploads that are refused early at once all hear why', async (edge) => {
  const waiting: Socket[] = [];
  // Answers when all are there, and all at once.
  const origin = await startTcpOrigin((socket) =>
    socket.once('data', () => {
      if (waiting.push(socket) === 20) for (const each of waiting) each.write(REFUSAL);
    }),
  );
  const { upstream, route } = through('a', origin.port);
  const gateway = await startProxy(edge, { workers: 1, upstreams: [upstream], routes: [route] });
  const port = Number(new URL(gateway.url).port);
  const upload = async (): Promise<string> => {
    const client = connect(port, '127.0.0.1').setEncoding('latin1');
    atEnd(() => void client.destroy());
    client.on('error', () => undefined).write(UPLOAD);
    let heard = '';
    client.on('data', (text: string) => {
      heard += text;
      // It goes on sending until it has read that nobody listens.
      if (!client.writableEnded) client.end('5\r\nagain\r\n0\r\n\r\n');
    });
    await once(client, 'close');
    return /^HTTP\/1.1 (\d+)/.exec(heard)?.[1] + heard.slice(heard.indexOf('\r\n\r\n') + 4);
  };
  const answers = await Promise.all(Array.from({ length: 20 }, upload));
  for (const answer of answers) expect(answer).toMatch(/^401(no|2\r\nno\r\n0\r\n(x-last: 1\r\n)?\r\n)$/);
});
