import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage, type RequestListener } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { describe, expect, test } from 'vitest';
import { describeEdges, head, outcomeOf, PATIENCE, type EdgeUnderTest } from './edge-support.ts';

const MEGABYTE = 1 << 20;
const block = randomBytes(MEGABYTE);
const shaOf = (count: number): string => {
  const hash = createHash('sha256');
  for (let i = 0; i < count; i++) hash.update(block);
  return hash.digest('hex');
};
const blocks = (count: number): Readable => Readable.from(Array.from({ length: count }, () => block));

/** Bytes that the origin has handed to its connection for `/endless`. */
const endless = { written: 0 };
/** Lets the origin of `/held` read. */
let release = (): void => undefined;

const answer: RequestListener = (request, response) => {
  const [, what, size] = (request.url ?? '').split('/');
  if (what === 'echo') {
    response.writeHead(200, size === undefined ? {} : { 'content-length': Number(size) * MEGABYTE });
    request.pipe(response);
  } else if (what === 'endless') {
    const source = blocks(Number(size));
    source.on('data', (chunk: Buffer) => (endless.written += chunk.length));
    pipeline(source, response).catch(() => undefined);
  } else if (what === 'held') {
    request.pause();
    release = () => void request.resume();
    request.on('end', () => setTimeout(() => response.end('late'), Number(size)));
  } else if (what === 'late') {
    request.resume().on('end', () => setTimeout(() => response.end('late'), Number(size)));
  } else {
    let length = 0;
    request
      .on('data', (chunk: Buffer) => (length += chunk.length))
      .on('end', () => response.end(String(length)));
  }
};

const limits = { bodyBytes: '100MB', bodyTimeout: '2s' };
const small = { id: 'small', match: { paths: ['/small'] }, upstream: 'origin', bodyBytes: '1KB' };

/** Waits until a number has not grown for a while. */
async function stalled(read: () => number): Promise<number> {
  for (let before = -1, quiet = 0; ; await wait(50)) {
    quiet = read() === before ? quiet + 1 : 0;
    before = read();
    if (quiet > 10) return before;
  }
}

async function digestOf(reply: IncomingMessage): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of reply as AsyncIterable<Buffer>) hash.update(chunk);
  return hash.digest('hex');
}

const open = (edge: EdgeUnderTest, method: string, path: string, headers = {}) =>
  httpRequest({ port: edge.gateway.port, host: '127.0.0.1', method, path, headers, agent: false });

describeEdges('bodies', { answer, limits, routes: [small] }, (edge) => {
  const COUNT = 50;

  test.each([
    ['by length', { 'content-length': COUNT * MEGABYTE }, `/echo/${COUNT}`],
    ['in chunks', { 'transfer-encoding': 'chunked' }, '/echo'],
  ])('50 MB go there and back %s, byte for byte', { timeout: 60_000 }, async (_, headers, path) => {
    const request = open(edge, 'POST', path, headers);
    const sent = pipeline(blocks(COUNT), request);
    const [reply] = (await once(request, 'response')) as [IncomingMessage];
    expect(await digestOf(reply)).toBe(shaOf(COUNT));
    await sent;
  });

  describe('rule 10: the slowest sets the pace', () => {
    const TOTAL = 96;

    test(
      'a client that does not read stops the upstream, and then gets everything',
      { timeout: 60_000 },
      async () => {
        endless.written = 0;
        const before = edge.gateway.rss(edge.worker);
        const request = open(edge, 'GET', `/endless/${TOTAL}`);
        request.end();
        const [reply] = (await once(request, 'response')) as [IncomingMessage];
        expect(await stalled(() => endless.written)).toBeLessThan((TOTAL / 2) * MEGABYTE);
        expect(edge.gateway.rss(edge.worker) - before).toBeLessThan(48 * MEGABYTE);
        expect(await digestOf(reply)).toBe(shaOf(TOTAL));
      },
    );

    test(
      'an upstream that does not read stops the client, and then gets everything',
      { timeout: 60_000 },
      async () => {
        const before = edge.gateway.rss(edge.worker);
        // Longer than `bodyTimeout` after the last byte: a body that is whole has no timer.
        const request = open(edge, 'POST', '/held/2500', { 'transfer-encoding': 'chunked' });
        let sent = 0;
        const source = blocks(TOTAL).on('data', (chunk: Buffer) => (sent += chunk.length));
        const upload = pipeline(source, request);
        const answered = once(request, 'response') as Promise<[IncomingMessage]>;
        expect(await stalled(() => sent)).toBeLessThan((TOTAL / 2) * MEGABYTE);
        expect(edge.gateway.rss(edge.worker) - before).toBeLessThan(80 * MEGABYTE);
        release();
        const [reply] = await answered;
        expect(reply.statusCode).toBe(200);
        reply.resume();
        await upload;
        const line = await edge.gateway.waitForRequest({ path: '/held/2500' });
        expect(line).toMatchObject({ status: 200, bytes_in: TOTAL * MEGABYTE });
      },
    );
  });

  describe('rule 11: silence in a body is bounded, slowness is not', () => {
    test.each([
      ['by length', 'Content-Length: 10', 'hello'],
      ['in chunks', 'Transfer-Encoding: chunked', '5\r\nhello\r\n'],
      ['in a chunk', 'Transfer-Encoding: chunked', 'a\r\nhello'],
      ['before its first byte', 'Content-Length: 10', ''],
    ])('a body that stalls %s answers 408', async (_, field, part) => {
      using client = await edge.connect();
      const from = performance.now();
      await client.send(head('POST /count', field) + part);
      const reply = await client.reply('POST', PATIENCE);
      expect(performance.now() - from).toBeGreaterThan(1_900);
      expect(reply).toMatchObject({ status: 408 });
      expect(reply.get('connection')).toBe('close');
      expect(JSON.parse(reply.body.toString())).toMatchObject({ type: 'urn:sluice:problem:body_timeout' });
      await client.untilClosed(PATIENCE);
    });

    test.each([
      ['by length', `Content-Length: 13`, 'x', ''],
      ['in chunks', 'Transfer-Encoding: chunked', '1\r\nx\r\n', '0\r\n\r\n'],
    ])('a slow and steady upload survives %s', async (_, field, piece, end) => {
      using client = await edge.connect();
      await client.send(head('POST /count', field));
      for (let i = 0; i < 13; i++) {
        await client.send(piece);
        await wait(300);
      }
      await client.send(end);
      expect((await client.reply('POST', PATIENCE)).body.toString()).toBe('13');
    });

    test('a slow upstream is not taken for a slow client', async () => {
      const reply = await edge.ask(head('POST /late/2500', 'Content-Length: 5') + 'hello', 'POST');
      expect(reply).toMatchObject({ status: 200 });
    });
  });

  describe('a body over the limit of its route answers 413', () => {
    test.each([
      ['told by its length', 'Content-Length: 1025', ''],
      ['found in its chunks', 'Transfer-Encoding: chunked', `400\r\n${'x'.repeat(1024)}\r\n1\r\nx\r\n`],
    ])('%s', async (_, field, body) => {
      using client = await edge.connect();
      await client.send(head('POST /small', field) + body);
      expect(await outcomeOf(client)).toBe(413);
    });

    test('and one that just fits passes', async () => {
      const reply = await edge.ask(head('POST /small', 'Content-Length: 1024') + 'x'.repeat(1024), 'POST');
      expect(reply.body.toString()).toBe('1024');
    });
  });
});

const short = { headerTimeout: '1s', idleTimeout: '1s', bodyTimeout: '3s' };

describeEdges('the limits on heads and on idling', { answer, limits: short }, (edge) => {
  test('do not cut an upload that is slower than they are', { timeout: 30_000 }, async () => {
    using client = await edge.connect();
    await client.send(head('POST /count', 'Content-Length: 9'));
    // The addon's clock for a second is one of up to eight.
    for (let i = 0; i < 9; i++) {
      await client.send('x');
      await wait(1_100);
    }
    expect((await client.reply('POST', PATIENCE)).body.toString()).toBe('9');
  });
});
