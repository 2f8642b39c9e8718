import type { RequestListener } from 'node:http';
import { describe, expect, test } from 'vitest';
import { describeEdges, head, outcomeOf, PATIENCE } from './edge-support.ts';

const HOP_BY_HOP = /^(connection|keep-alive|proxy-connection|te|trailer|transfer-encoding|upgrade|expect)$/i;
const FRAMING = /^(content-length|transfer-encoding)$/i;

/** PROXY protocol version 2: "the client is 9.9.9.9:1, you are 8.8.8.8:2". */
const PROXY_V2 = Buffer.from('0d0a0d0a000d0a515549540a2111000c090909090808080800010002', 'hex').toString(
  'latin1',
);

/** Answers when the request is whole. */
const answer: RequestListener = (request, response) => {
  request.resume().on('end', () => response.end('ok'));
};

describeEdges('what is forwarded', { answer }, (edge) => {
  const fieldsAt = async (path: string): Promise<string[]> =>
    (await edge.arrived(path)).fields.map(([name, value]) => `${name.toLowerCase()}: ${value}`);

  describe('rule 2: bodies are framed anew', () => {
    test.each([
      ['Content-Length: 5', 'hello', 'content-length: 5'],
      ['Content-Length: 0005', 'hello', 'content-length: 5'],
      ['Transfer-Encoding: chunked', '5\r\nhello\r\n0\r\n\r\n', 'transfer-encoding: chunked'],
      ['Transfer-Encoding: CHUNKED', '002\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n', 'transfer-encoding: chunked'],
      ['Content-Length: 0', '', 'content-length: 0'],
    ])('%s', async (field, body, framing) => {
      const path = `/framed/${field.replaceAll(/\W/g, '')}`;
      expect(await edge.ask(head(`POST ${path}`, field, 'Keep-Alive: 5') + body, 'POST')).toMatchObject({
        status: 200,
      });
      const seen = await edge.arrived(path);
      expect((await seen.body).toString()).toBe(body === '' ? '' : 'hello');
      expect((await fieldsAt(path)).filter((line) => FRAMING.test(line.split(':')[0]!))).toEqual([framing]);
    });

    test('of requests that pass a body and say no length, none is made up', async () => {
      await edge.ask(head('GET /framed/none'));
      expect((await fieldsAt('/framed/none')).filter((line) => FRAMING.test(line.split(':')[0]!))).toEqual(
        [],
      );
    });
  });

  test('rules 2 and 3: hop-by-hop fields and those that Connection lists stay here', async () => {
    await edge.ask(
      head(
        'GET /hops',
        'Connection: X-Private, keep-alive, Authorization',
        'Connection: x-other',
        'X-Private: 1',
        'X-PRIVATE: 2',
        'X-Other: 3',
        'Authorization: Basic eA==',
        'Keep-Alive: timeout=5',
        'Proxy-Connection: keep-alive',
        'TE: trailers',
        'Trailer: X-Sum',
        'X-Kept: 4',
      ),
    );
    const seen = await edge.arrived('/hops');
    expect(seen.fields.filter(([name]) => HOP_BY_HOP.test(name))).toEqual([]);
    expect(seen.fields.filter(([name]) => /^(x-private|x-other|authorization)$/i.test(name))).toEqual([]);
    expect(seen.get('x-kept')).toEqual(['4']);
  });

  test('rule 3: Connection cannot strip what the gateway itself adds', async () => {
    await edge.ask(head('GET /own', 'Connection: X-Forwarded-For, Host, Via, X-Request-Id'));
    const seen = await edge.arrived('/own');
    for (const name of ['x-forwarded-for', 'host', 'via', 'x-request-id'])
      expect(seen.get(name)).toHaveLength(1);
  });

  test('rule 7: a PROXY protocol header names nobody', async () => {
    const outcome = await edge.outcome(PROXY_V2 + head('GET /proxied'));
    if (edge.kind === 'node') return expect(outcome).toBe(400);
    expect(outcome).toBe(200);
    const seen = await edge.arrived('/proxied');
    expect(seen.get('x-forwarded-for')).toEqual(['127.0.0.1']);
    const line = await edge.gateway.waitForRequest({ path: '/proxied' });
    expect(JSON.stringify(line)).not.toContain('9.9.9.9');
  });

  // Rules 14 (certificates) and 15 (WebSocket) have nothing to rule yet: a listener speaks plain HTTP/1.1 only.
  test.each([
    ['websocket', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==', 'Sec-WebSocket-Version: 13'],
    ['h2c', 'HTTP2-Settings: AAMAAABkAAQAAP__', 'X-Nothing: 1'],
  ])(
    'rules 14 and 15: an upgrade to %s is answered as if it had not been asked for',
    async (protocol, ...fields) => {
      const path = `/upgrade/${protocol}`;
      using client = await edge.connect();
      await client.send(
        head(`GET ${path}`, 'Connection: Upgrade, HTTP2-Settings', `Upgrade: ${protocol}`, ...fields),
      );
      expect(await client.reply('GET', PATIENCE)).toMatchObject({ status: 200 });
      const seen = await edge.arrived(path);
      expect(seen.fields.filter(([name]) => /^(connection|upgrade|http2-settings)$/i.test(name))).toEqual([]);
      await client.send(head('GET /after/upgrade'));
      expect(await client.reply('GET', PATIENCE)).toMatchObject({ status: 200 });
    },
  );

  test('a POST, PUT or PATCH that says no length is answered 411 on uws, and has no body on node', async () => {
    for (const method of ['POST', 'PUT', 'PATCH']) {
      using client = await edge.connect();
      await client.send(head(`${method} /lengthless/${method}`));
      const reply = await client.reply(method, PATIENCE);
      if (edge.kind === 'uws') {
        // A length may have been said that the gateway never saw.
        expect(reply.status).toBe(411);
        expect(reply.get('content-type')).toBe('application/problem+json');
        expect(reply.get('connection')).toBe('close');
        await client.untilClosed(PATIENCE);
        continue;
      }
      expect(reply.status).toBe(200);
      const seen = await edge.arrived(`/lengthless/${method}`);
      expect(await seen.body).toHaveLength(0);
    }
  });

  test('a length behind a field with an empty name hides no request in its body', async () => {
    const hidden = head('GET /hidden');
    const post = head('POST /hiding', ': x', `Content-Length: ${hidden.length}`);
    expect(['closed', 400]).toContain(await edge.outcome(post + hidden));
    using client = await edge.connect();
    await client.send(post);
    await outcomeOf(client);
    await client.send(hidden);
    await client.untilClosed(PATIENCE);
    expect(edge.origin.requests.some(({ url }) => url === '/hidden')).toBe(false);
  });

  test('a chunked body behind which no request follows is not passed on as whole', async () => {
    // What node:http takes for the end of a body is one; uWebSockets.js may have misread it.
    if (edge.kind === 'node') return;
    const chunks = '5\r\nhello\r\n0\r\n\r\n';
    const request = head('POST /mangled', 'Transfer-Encoding: chunked') + chunks;
    expect(await edge.outcome(`${request}no request\r\n\r\n`)).toBe(505);
    expect(await edge.outcome(request)).toBe(200);
    const [first, ...others] = edge.origin.requests.filter(({ url }) => url === '/mangled');
    // The first may have been seen, but without its end.
    if (others.length > 0) await expect(first!.body).rejects.toThrow();
  });

  test('100 Continue comes once, before the reply', async () => {
    using client = await edge.connect();
    await client.send(head('POST /x', 'Content-Length: 5', 'Expect: 100-continue'));
    expect(await client.reply('POST', PATIENCE)).toMatchObject({ status: 100 });
    await client.send('hello');
    expect(await client.reply('POST', PATIENCE)).toMatchObject({ status: 200 });
  });

  test('another expectation is neither met nor forwarded', async () => {
    expect(await edge.ask(head('GET /x', 'Expect: tea'))).toMatchObject({ status: 200 });
  });

  test('rule 1: credentials with bytes beyond ASCII answer 400 and are not forwarded', async () => {
    const reply = await edge.ask(head('GET /secret', 'Authorization: Bearer abc\xc3\xa9def'));
    expect(reply.status).toBe(400);
    expect(edge.origin.requests.filter(({ url }) => url === '/secret')).toEqual([]);
  });

  test('repeats keep their order, UTF-8 its bytes', async () => {
    await edge.ask(
      head('GET /fields', 'X-A: 1', 'X-B: caf\xc3\xa9 au lait', 'x-a: 2', 'X_Under: 3', 'X-A: 1'),
    );
    const seen = await edge.arrived('/fields');
    expect(seen.get('x-a')).toEqual(['1', '2', '1']);
    expect(seen.get('x-b')).toEqual(['caf\xc3\xa9 au lait']);
    expect(seen.get('x_under')).toEqual(['3']);
  });
});
