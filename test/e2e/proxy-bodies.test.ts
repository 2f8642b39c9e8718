import { createHash, randomBytes, randomInt } from 'node:crypto';
import { once } from 'node:events';
import { Agent, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import { atEnd } from '../support/cleanup.ts';
import type { Gateway } from '../support/gateway.ts';
import { startOrigin, type Origin } from '../support/origin.ts';
import { connect } from '../support/raw.ts';
import { EDGES, get, joined, startProxy, startRawOrigin, through } from './proxying.ts';

const SIZES = [0, 1, 1024, 65_535, 65_536, 65_537, 1 << 20, 20 << 20];
const bytes = randomBytes(20 << 20);
const piece = (size: number) => bytes.subarray(0, size);
const digest = (data: Uint8Array) => createHash('sha256').update(data).digest('hex');

/** Writes a message cut at random places, at the pace of its reader. */
async function writeCut(to: NodeJS.WritableStream, data: Buffer): Promise<void> {
  const most = Math.max(2, Math.ceil(data.length / randomInt(1, 40)));
  for (let at = 0; at < data.length;) {
    const end = at + randomInt(1, most);
    if (!to.write(data.subarray(at, end))) await once(to, 'drain');
    else await nextTurn();
    at = end;
  }
  to.end();
}

async function drain(from: IncomingMessage): Promise<{ length: number; sha: string }> {
  const hash = createHash('sha256');
  let length = 0;
  for await (const chunk of from as AsyncIterable<Buffer>) {
    hash.update(chunk);
    length += chunk.length;
  }
  return { length, sha: hash.digest('hex') };
}

/** Answers `/down/SIZE/FRAMING` with that many bytes, anything else with what it received. */
async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const [, , kind, size, framing] = (request.url ?? '').split('/');
  const announced = framing === 'length' ? { 'content-length': size } : {};
  if (kind === 'down') {
    request.resume();
    response.writeHead(200, announced);
    return writeCut(response, piece(Number(size)));
  }
  if (kind === 'echo') {
    response.writeHead(200, announced);
    request.pipe(response);
    return;
  }
  const { length, sha } = await drain(request);
  const { headers } = request;
  response.end(
    JSON.stringify({
      length,
      sha,
      announced: headers['content-length'],
      coding: headers['transfer-encoding'],
    }),
  );
}

describe.each(EDGES)('bodies on the %s edge', (edge) => {
  let gateway: Gateway;
  let raw: Origin;
  const agent = new Agent({ keepAlive: true });
  /** What the bare origin answers, by path. */
  const answers: Record<string, string> = {};

  beforeAll(async () => {
    const origin = await startOrigin((request, response) => {
      serve(request, response).catch(() => response.destroy());
    });
    raw = await startRawOrigin((head, socket) => {
      const text = answers[head.split(' ')[1]!]!;
      if (text.endsWith('<close>')) socket.end(Buffer.from(text.slice(0, -7), 'latin1'));
      else socket.write(Buffer.from(text, 'latin1'));
    });
    gateway = await startProxy(
      edge,
      joined([through('o', origin.port), through('raw', raw.port)], { limits: { bodyBytes: '32MB' } }),
    );
    atEnd(() => agent.destroy());
  });

  async function send(
    method: string,
    path: string,
    body: Buffer | null,
    framing: string,
  ): Promise<IncomingMessage> {
    const headers =
      body === null
        ? {}
        : framing === 'length'
          ? { 'content-length': body.length }
          : { 'transfer-encoding': 'chunked' };
    const request = httpRequest({ port: gateway.port, host: '127.0.0.1', method, path, agent, headers });
    const answered = once(request, 'response') as Promise<[IncomingMessage]>;
    if (body === null) request.end();
    else void writeCut(request, body).catch(() => undefined);
    return (await answered)[0];
  }

  describe.each(['length', 'chunked'])('told by %s', (framing) => {
    test.each(SIZES)('%i bytes arrive at the upstream', async (size) => {
      const reply = await send('POST', '/o/up', piece(size), framing);
      expect(reply.statusCode).toBe(200);
      const parts = (await reply.toArray()) as Buffer[];
      expect(JSON.parse(String(Buffer.concat(parts)))).toEqual({
        length: size,
        sha: digest(piece(size)),
        ...(framing === 'length' ? { announced: String(size) } : { coding: 'chunked' }),
      });
    });

    test.each(SIZES)('%i bytes arrive at the client', async (size) => {
      const reply = await send('GET', `/o/down/${size}/${framing}`, null, framing);
      if (framing === 'length') expect(reply.headers['content-length']).toBe(String(size));
      expect(await drain(reply)).toEqual({ length: size, sha: digest(piece(size)) });
    });

    test.each(SIZES)('%i bytes go there and back at once', async (size) => {
      const reply = await send('PUT', `/o/echo/${size}/${framing}`, piece(size), framing);
      expect(await drain(reply)).toEqual({ length: size, sha: digest(piece(size)) });
    });
  });

  const up = (reply: { body: Buffer }) => JSON.parse(String(reply.body)) as Record<string, unknown>;

  test('a GET may have a body', async () => {
    const client = await connect(gateway.port);
    await client.send('GET /o/up HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello');
    expect(up(await client.reply())).toEqual({
      length: 5,
      sha: digest(Buffer.from('hello')),
      announced: '5',
    });
  });

  test('an empty POST says so; a GET without a body says nothing', async () => {
    const client = await connect(gateway.port);
    await client.send('POST /o/up HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n');
    expect(up(await client.reply())).toMatchObject({ length: 0, announced: '0' });
    await client.send(get('/o/up'));
    const empty = up(await client.reply());
    expect(empty['announced']).toBeUndefined();
    expect(empty['coding']).toBeUndefined();
  });

  test('a chunked body may be cut at every byte', async () => {
    const client = await connect(gateway.port);
    // The addon misreads chunk extensions.
    const size = edge === 'node' ? '5;a=b' : '005';
    const text =
      'POST /o/up HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n' +
      `${size}\r\nhello\r\n1\r\n!\r\n0\r\n\r\n`;
    await client.sendCut(text, ...Array.from({ length: text.length - 1 }, (_, i) => i + 1));
    expect(up(await client.reply())).toMatchObject({ length: 6, sha: digest(Buffer.from('hello!')) });
  });

  test('a reply’s trailers are dropped, its chunks re-framed', async () => {
    answers['/raw/trailers'] =
      'HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\nhi\r\n0\r\nX-Sum: 1\r\nSet-Cookie: a=b\r\n\r\n';
    const client = await connect(gateway.port);
    for (let round = 0; round < 2; round++) {
      await client.send(get('/raw/trailers'));
      const reply = await client.reply();
      expect(reply).toMatchObject({ status: 200, trailers: [] });
      expect(String(reply.body)).toBe('hi');
      expect(reply.fields.filter(([name]) => /^(trailer|x-sum|set-cookie)$/i.test(name))).toEqual([]);
    }
  });

  test.runIf(edge === 'node')('a request’s trailers are dropped', async () => {
    const client = await connect(gateway.port);
    await client.send(
      'POST /o/up HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nX-User-Id: 7\r\n\r\n',
    );
    expect(up(await client.reply())).toMatchObject({ length: 1 });
  });

  test('interim replies are skipped', async () => {
    answers['/raw/interim'] =
      'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
    const client = await connect(gateway.port);
    await client.send(get('/raw/interim'));
    const reply = await client.reply();
    expect(reply.status).toBe(200);
    expect(reply.get('link')).toBeUndefined();
    expect(String(reply.body)).toBe('ok');
  });

  test.each([
    ['HEAD', 'HTTP/1.1 200 OK\r\nContent-Length: 1234\r\nETag: "a"\r\n\r\n', 200, '1234'],
    ['HEAD', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n', 200, undefined],
    ['GET', 'HTTP/1.1 204 No Content\r\nETag: "a"\r\n\r\n', 204, undefined],
    ['GET', 'HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n', 204, undefined],
    ['GET', 'HTTP/1.1 304 Not Modified\r\nETag: "a"\r\nContent-Length: 77\r\n\r\n', 304, '77'],
    ['GET', 'HTTP/1.1 304 Not Modified\r\nETag: "a"\r\n\r\n', 304, undefined],
    ['DELETE', 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n', 200, '0'],
  ])('%s: %j has no body and the connection goes on', async (method, text, status, length) => {
    answers['/raw/bodiless'] = text;
    answers['/raw/next'] = 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnext';
    const client = await connect(gateway.port);
    await client.send(get('/raw/bodiless', method));
    const reply = await client.reply(method);
    expect(reply.status).toBe(status);
    expect(reply.body).toHaveLength(0);
    expect(reply.get('content-length')).toBe(length);
    await client.send(get('/raw/next'));
    expect(String((await client.reply()).body)).toBe('next');
  });

  test.each([
    'HTTP/1.1 200 OK\r\n\r\nuntil the end<close>',
    'HTTP/1.0 200 OK\r\nX: y\r\n\r\nuntil the end<close>',
  ])('a reply until close becomes a chunked one: %j', async (text) => {
    answers['/raw/close'] = text;
    const client = await connect(gateway.port);
    for (let round = 0; round < 2; round++) {
      await client.send(get('/raw/close'));
      const reply = await client.reply();
      expect(reply.framing).toBe('chunked');
      expect(String(reply.body)).toBe('until the end');
    }
  });

  test.each(['413 Content Too Large', '200 OK'])(
    'an early %s reaches a client that still sends',
    async (status) => {
      answers['/raw/early'] = `HTTP/1.1 ${status}\r\nContent-Length: 5\r\n\r\nearly`;
      const before = raw.connections;
      const client = await connect(gateway.port);
      const size = 300_000;
      await client.send(
        `POST /raw/early HTTP/1.1\r\nHost: x\r\nContent-Length: ${size}\r\n\r\n`,
        piece(1000),
      );
      const reply = await client.reply();
      expect(reply.status).toBe(parseInt(status, 10));
      expect(String(reply.body)).toBe('early');
      // The client ends its message: then either the connection serves on, or it was closed. Never a mix-up.
      await client.send(piece(size).subarray(1000)).catch(() => undefined);
      if (!client.closed) {
        await client.send(get('/o/down/3/length')).catch(() => undefined);
        const next = await client.reply().catch(() => null);
        if (next !== null) expect(digest(next.body)).toBe(digest(piece(3)));
      }
      // Half a request went over that connection to the origin: it must not carry another.
      answers['/raw/after'] = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
      const other = await connect(gateway.port);
      const used = raw.connections;
      await other.send(get('/raw/after'));
      expect((await other.reply()).status).toBe(200);
      expect(used).toBeLessThanOrEqual(before + 1);
      expect(raw.connections).toBe(used + 1);
    },
  );
});
