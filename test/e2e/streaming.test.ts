import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import {
  createServer,
  request as httpRequest,
  type IncomingMessage,
  type OutgoingHttpHeaders,
} from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { atEnd } from '../support/cleanup.ts';
import { startGateway, type Gateway } from '../support/gateway.ts';
import { EDGES, expectMetric, joined, peakRss, startProxy, startRawOrigin, through } from './proxying.ts';
import { HIDE_KOFFI } from '../support/hide-koffi.ts';

const GB = 1 << 30;
const MB = 1 << 20;
const BLOCK = 256 << 10;
const block = randomBytes(BLOCK);
/** Any piece of the endless repetition of `block` that is no longer than a block is a slice of this. */
const twice = Buffer.concat([block, block]);

/** The slower side of a transfer rests a millisecond for each so many bytes; 0 = never. */
type Pace = number;

/** Reads to the end, checks every byte, and rests now and then. */
async function consume(from: IncomingMessage, pace: Pace): Promise<number> {
  let length = 0;
  let rested = 0;
  for await (const chunk of from as AsyncIterable<Buffer>) {
    for (let at = 0; at < chunk.length; at += BLOCK) {
      const part = chunk.subarray(at, at + BLOCK);
      const start = (length + at) % BLOCK;
      if (part.compare(twice, start, start + part.length) !== 0)
        throw new Error(`wrong bytes at ${length + at}`);
    }
    length += chunk.length;
    if (pace > 0 && length - rested > pace) {
      rested = length;
      await delay(1);
    }
  }
  return length;
}

async function produce(to: NodeJS.WritableStream, size: number): Promise<void> {
  for (let left = size; left > 0; left -= BLOCK) if (!to.write(block)) await once(to, 'drain');
  to.end();
}

const framed = (framing: string, size: number): OutgoingHttpHeaders =>
  framing === 'length' ? { 'content-length': size } : { 'transfer-encoding': 'chunked' };

/** `/down/SIZE/FRAMING` sends, `/up/PACE` receives. */
async function startStreamOrigin(): Promise<number> {
  const server = createServer((request, response) => {
    const [, , kind, number, framing = ''] = (request.url ?? '').split('/');
    const work = async () => {
      if (kind === 'down') {
        response.writeHead(200, framed(framing, Number(number)));
        await produce(response, Number(number));
      } else response.end(String(await consume(request, Number(number))));
    };
    work().catch(() => response.destroy());
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  atEnd(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

/**
 * Megabytes of a worker at most. The pieces that node:http gives are garbage, which V8 collects when it comes to that: the
 * faster the machine, the more there is of it (106 to 157 MB measured).
 */
const MOST = { uws: 150, node: 200 };

describe.each(EDGES)('a gigabyte through the %s edge', (edge) => {
  let gateway: Gateway;
  let port = 0;
  const figures: string[] = [];

  beforeAll(async () => {
    port = await startStreamOrigin();
  });

  // A fresh one each time: memory that an earlier transfer took is rarely given back.
  beforeEach(async () => {
    gateway = await startProxy(edge, joined([through('o', port)], { limits: { bodyBytes: '2GB' } }));
  });

  afterAll(() => {
    if (process.env['SLUICE_TEST_FIGURES']) console.log(`${edge}\n${figures.join('\n')}`);
  });

  /** Peak memory of the worker during `work`, in megabytes. */
  async function peakDuring(name: string, work: () => Promise<void>): Promise<number> {
    const [worker = 0] = gateway.workers();
    const begin = performance.now();
    await work();
    const peak = Math.round(peakRss(worker) / MB);
    figures.push(`${name}: ${peak} MB, ${Math.round(performance.now() - begin)} ms`);
    return peak;
  }

  function ask(method: string, path: string, headers: OutgoingHttpHeaders = {}) {
    const request = httpRequest({
      port: gateway.port,
      host: '127.0.0.1',
      method,
      path,
      headers,
      agent: false,
    });
    const reply = once(request, 'response') as Promise<[IncomingMessage]>;
    return { request, reply };
  }

  describe.each(['length', 'chunked'])('told by %s', (framing) => {
    test.each([
      ['a fast client', 0],
      ['a slow client', BLOCK],
    ])('down to %s', { timeout: 90_000 }, async (name, pace) => {
      const peak = await peakDuring(`${framing} down to ${name}`, async () => {
        const { request, reply } = ask('GET', `/o/down/${GB}/${framing}`);
        request.end();
        const [response] = await reply;
        expect(await consume(response, pace)).toBe(GB);
      });
      expect(peak).toBeLessThan(MOST[edge]);
    });

    test.each([
      ['a fast origin', 0],
      ['a slow origin', BLOCK],
    ])('up to %s', { timeout: 90_000 }, async (name, pace) => {
      const peak = await peakDuring(`${framing} up to ${name}`, async () => {
        const { request, reply } = ask('POST', `/o/up/${pace}`, framed(framing, GB));
        // A request that is cut off ends its writer with an error, and the reply says why.
        produce(request, GB).catch(() => request.destroy());
        const [response] = await reply;
        expect(String(Buffer.concat((await response.toArray()) as Buffer[]))).toBe(String(GB));
      });
      expect(peak).toBeLessThan(MOST[edge]);
    });
  });
});

// The most megabytes of a worker whose uploads wait, and how these may end.
test.each([
  ['with bounded receive buffers', '208KB', 150, [200]],
  ['with those of the kernel', '0B', 150 + 64, [200, 503, -1]],
] as const)(
  'stalled uploads keep little memory %s',
  { timeout: 60_000 },
  async (_, buffer, most, statuses) => {
    const SIZE = 20 * MB;
    const stalled: Socket[] = [];
    const origin = await startRawOrigin((_head, socket, rest) => {
      socket.pause();
      socket.unshift(rest);
      stalled.push(socket);
    });
    const gateway = await startProxy(
      'uws',
      joined([through('o', origin.port)], { limits: { bodyBytes: '2GB', receiveBuffer: buffer } }),
    );
    const worker = gateway.workers()[0]!;
    const uploads = Array.from({ length: 12 }, () => {
      const request = httpRequest({
        port: gateway.port,
        host: '127.0.0.1',
        method: 'POST',
        path: '/o/up',
        headers: { 'content-length': SIZE },
        agent: false,
      });
      const ended = new Promise<number>((resolve) => {
        request.once('response', (response) => {
          response.resume();
          resolve(response.statusCode ?? 0);
        });
        request.once('error', () => resolve(-1));
      });
      void produce(request, SIZE).catch(() => undefined);
      return ended;
    });
    await expect.poll(() => stalled.length).toBe(uploads.length);
    await expect.poll(() => peakRss(worker) / MB).toBeLessThan(most);
    // Whoever was not refused goes on when the origin does.
    for (const socket of stalled) {
      let length = 0;
      socket.on('data', (chunk: Buffer) => {
        length += chunk.length;
        if (length >= SIZE) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
      });
      socket.resume();
    }
    const results = await Promise.all(uploads);
    expect(peakRss(worker) / MB).toBeLessThan(most);
    expect(results).toContain(200);
    expect(results.filter((status) => !(statuses as readonly number[]).includes(status))).toEqual([]);
    await expectMetric(gateway, 'sluice_active_requests', {}, 0);
  },
);

test('without koffi the gateway says so, and serves', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-test-'));
  atEnd(() => rmSync(folder, { recursive: true }));
  const hide = join(folder, 'hide-koffi.cjs');
  writeFileSync(hide, HIDE_KOFFI);
  const port = await startStreamOrigin();
  const gateway = await startGateway({
    config: { version: 1, ...joined([through('o', port)]) },
    env: { SLUICE_EDGE: 'uws', NODE_OPTIONS: `--require ${hide}` },
  });
  const warning = await gateway.waitForLine(({ msg }) => String(msg).includes('limits.receiveBuffer'));
  expect(warning).toMatchObject({ level: 'warn', msg: expect.stringContaining('koffi') as unknown });
  const body = twice;
  const reply = await fetch(`${gateway.url}/o/up/0`, { method: 'POST', body });
  expect(await reply.text()).toBe(String(body.length));
});
