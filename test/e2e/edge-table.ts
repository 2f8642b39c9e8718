import { expect } from 'vitest';
import { head, outcomeOf, PATIENCE, type EdgeUnderTest } from './edge-support.ts';

/** One row of the table "Which edge when" of the README, and the proof of its two cells. */
export interface Difference {
  readonly uws: string;
  readonly node: string;
  prove(edge: EdgeUnderTest): Promise<void>;
}

/** Asserts what the outcome is on either edge. */
const outcomes =
  (bytes: string, uws: number | 'closed', node: number | 'closed') =>
  async (edge: EdgeUnderTest): Promise<void> =>
    expect(await edge.outcome(bytes)).toBe(edge.kind === 'uws' ? uws : node);

const chunked = (body: string): string => head('POST /x', 'Transfer-Encoding: chunked') + body;

export const DIFFERENCES: readonly Difference[] = [
  {
    uws: 'HTTP/1.0 requests answer 505',
    node: 'served',
    prove: outcomes('GET /x HTTP/1.0\r\nHost: test\r\n\r\n', 505, 200),
  },
  {
    uws: 'absolute-form targets and `OPTIONS *` answer 505',
    node: 'absolute-form is served',
    async prove(edge) {
      await outcomes('GET http://test/x HTTP/1.1\r\nHost: test\r\n\r\n', 505, 200)(edge);
      await outcomes(head('OPTIONS *'), 505, 400)(edge);
    },
  },
  {
    uws: 'trailers of a chunked request: 505, nothing is passed on as whole',
    node: 'read and dropped',
    async prove(edge) {
      await outcomes(chunked('5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n'), 505, 200)(edge);
      if (edge.kind === 'node') expect((await edge.arrived('/x')).get('x-sum')).toEqual([]);
    },
  },
  {
    uws: 'pipelined requests while one waits for its upstream: connection closed',
    node: 'answered in order',
    async prove(edge) {
      using client = await edge.connect();
      await client.send(head('GET /first') + head('GET /second'));
      if (edge.kind === 'uws') return expect(await client.untilClosed(PATIENCE)).toHaveLength(0);
      expect((await client.reply('GET', PATIENCE)).body.toString()).toBe('/first');
      expect((await client.reply('GET', PATIENCE)).body.toString()).toBe('/second');
    },
  },
  {
    uws: 'a client that half-closes while it waits loses the reply',
    node: 'gets it, if it begins within 2 s',
    async prove(edge) {
      using client = await edge.connect();
      await client.send(head('GET /gated/half'));
      await edge.arrived('/gated/half');
      client.end();
      if (edge.kind === 'node') {
        await edge.ask(head('GET /gate/half'));
        expect((await client.reply('GET', PATIENCE)).body.toString()).toBe('end');
        return void (await client.untilClosed(PATIENCE));
      }
      const received = await client.untilClosed(PATIENCE);
      expect(received.toString('latin1')).not.toMatch(/\r\n0\r\n/);
      await edge.ask(head('GET /gate/half'));
    },
  },
  {
    uws: '`POST`, `PUT`, `PATCH` without length: 411, and the connection ends',
    node: 'taken as empty',
    async prove(edge) {
      using client = await edge.connect();
      await client.send(head('POST /x'));
      const reply = await client.reply('POST', PATIENCE);
      expect(reply).toMatchObject({ status: edge.kind === 'uws' ? 411 : 200 });
      if (edge.kind === 'uws') return void (await client.untilClosed(PATIENCE));
      await client.send(head('GET /x'));
      expect(await client.reply('GET', PATIENCE)).toMatchObject({ status: 200 });
    },
  },
  {
    uws: '`100 Continue` is sent before the request is looked at',
    node: 'the same',
    async prove(edge) {
      using client = await edge.connect();
      await client.send(head('POST /x', 'Content-Length: 999999999', 'Expect: 100-continue'));
      expect(await client.reply('POST', PATIENCE)).toMatchObject({ status: 100 });
      expect(await client.reply('POST', PATIENCE)).toMatchObject({ status: 413 });
    },
  },
  {
    uws: 'a reply head goes out with the first byte of its body',
    node: 'at once',
    async prove(edge) {
      using client = await edge.connect();
      await client.send(head('GET /gated/head'));
      await edge.arrived('/gated/head');
      if (edge.kind === 'node')
        await client.until(() => (client.received.includes('\r\n\r\n') ? true : null), PATIENCE);
      else {
        // Another reply overtakes it: the head has long been here.
        for (let i = 0; i < 5; i++) await edge.ask(head('GET /x'));
        expect(client.received).toHaveLength(0);
      }
      await edge.ask(head('GET /gate/head'));
      expect((await client.reply('GET', PATIENCE)).body.toString()).toBe('end');
    },
  },
  {
    uws: 'what its parser refuses (400, 431, 505) is a fixed page without a log line',
    node: 'a problem document',
    async prove(edge) {
      for (const [bytes, status] of [
        [head('GET /x', 'No colon'), 400],
        [head('GET /x', `X-Long: ${'x'.repeat(20_000)}`), 431],
      ] as const) {
        const reply = await edge.ask(bytes);
        expect(reply.status).toBe(status);
        const type = reply.get('content-type') ?? '';
        expect(type).toBe(edge.kind === 'uws' ? '' : 'application/problem+json');
      }
    },
  },
  {
    uws: 'the header timer closes up to 8 s late (at most 900 s), without a word',
    node: 'exact to a second, 408',
    async prove(edge) {
      using client = await edge.connect();
      const from = performance.now();
      await client.send('GET /x HTTP/1.1\r\nHost: te');
      expect(await outcomeOf(client)).toBe(edge.kind === 'uws' ? 'closed' : 408);
      expect(performance.now() - from).toBeLessThan(14_000);
    },
  },
  {
    uws: 'bytes beyond ASCII at the ends of header values are trimmed',
    node: 'kept',
    async prove(edge) {
      await edge.ask(head(`GET /ends`, 'X-Name: \xc3\xa9t\xc3\xa9'));
      expect((await edge.arrived('/ends')).get('x-name')).toEqual([
        edge.kind === 'uws' ? 't' : '\xc3\xa9t\xc3\xa9',
      ]);
    },
  },
  {
    uws: 'fields after one with an empty name are not seen: the body of such a `GET` is read as a request',
    node: 'refused',
    async prove(edge) {
      using client = await edge.connect();
      const body = head('GET /hidden');
      await client.send(head('GET /empty', ': x', 'X-Name: 1', `Content-Length: ${body.length}`));
      const reply = await client.reply('GET', PATIENCE);
      expect(reply.status).toBe(edge.kind === 'uws' ? 200 : 400);
      if (edge.kind === 'node') return void (await client.untilClosed(PATIENCE));
      expect((await edge.arrived('/empty')).get('x-name')).toEqual([]);
      await client.send(body);
      expect((await client.reply('GET', PATIENCE)).body.toString()).toBe('/hidden');
    },
  },
  {
    uws: 'chunk extensions answer 400, or the body waits until it times out',
    node: 'ignored',
    async prove(edge) {
      await outcomes(chunked('5;foo=bar\r\nhello\r\n0\r\n\r\n'), 400, 200)(edge);
      await outcomes(chunked('5;a=1\r\nhello\r\n0\r\n\r\n'), 408, 200)(edge);
    },
  },
  {
    uws: 'a reply head beyond 15 KB: 502',
    node: 'beyond 64 KB: 502',
    prove: async (edge) => {
      for (const [bytes, uws] of [
        [14_000, 200],
        [20_000, 502],
      ] as const)
        await outcomes(head(`GET /long/${bytes}`), uws, 200)(edge);
    },
  },
  {
    uws: 'a chunked request is the last one of its connection',
    node: 'others may follow',
    async prove(edge) {
      for (const path of ['/x', '/streamed/last']) {
        using client = await edge.connect();
        await client.send(head(`POST ${path}`, 'Transfer-Encoding: chunked') + '5\r\nhello\r\n0\r\n\r\n');
        if (path !== '/x') {
          await client.until(() => (client.received.includes('begun') ? true : null), PATIENCE);
          await edge.ask(head('GET /gate/last'));
        }
        const reply = await client.reply('POST', PATIENCE);
        expect(reply.get('connection')).toBe(edge.kind === 'uws' ? 'close' : 'keep-alive');
        await client.send(head('GET /behind')).catch(() => undefined);
        if (edge.kind === 'node') expect((await client.reply('GET', PATIENCE)).status).toBe(200);
        else expect(await client.untilClosed(PATIENCE)).toHaveLength(0);
      }
      const behind = edge.origin.requests.filter(({ url }) => url === '/behind');
      expect(behind).toHaveLength(edge.kind === 'uws' ? 0 : 2);
    },
  },
  {
    uws: 'a reply that begins before the end of its request is chunked, with a trailer, and is the last one',
    node: 'as it is, and others may follow',
    async prove(edge) {
      using client = await edge.connect();
      await client.send(head('POST /early', 'Content-Length: 10') + 'hello');
      const reply = await client.reply('POST', PATIENCE);
      expect(reply.body.toString()).toBe('early');
      expect(reply.get('connection')).toBe(edge.kind === 'uws' ? 'close' : 'keep-alive');
      expect(reply.get('content-length')).toBe(edge.kind === 'uws' ? undefined : '5');
      await client.send('world', head('GET /behind'));
      if (edge.kind === 'node') expect((await client.reply('GET', PATIENCE)).status).toBe(200);
      else expect(await client.untilClosed(PATIENCE)).toHaveLength(0);
    },
  },
  {
    uws: 'what is no request, sent during a streamed reply: a page (400, 431, 505) in the middle of that reply',
    node: 'the reply is cut',
    async prove(edge) {
      using client = await edge.connect();
      await client.send(head('GET /streamed/broken'));
      await client.until(() => (client.received.includes('begun') ? true : null), PATIENCE);
      await client.send('no request\r\n\r\n');
      const received = (await client.untilClosed(PATIENCE)).toString('latin1');
      expect(/begun(\r\n)?HTTP\/1\.1 \d{3} /.test(received)).toBe(edge.kind === 'uws');
      await edge.ask(head('GET /gate/broken'));
    },
  },
  {
    uws: 'spaces after a chunk size, and any two bytes instead of CRLF after a chunk, are accepted',
    node: 'refused',
    async prove(edge) {
      await outcomes(chunked('5 \r\nhello\r\n0\r\n\r\n'), 200, 400)(edge);
      await outcomes(chunked('5\r\nhelloXX0\r\n\r\n'), 200, 400)(edge);
    },
  },
  {
    uws: 'a bare CR in a head, or an empty line before it, waits for the header timer',
    node: 'refused; the empty line is skipped',
    async prove(edge) {
      await Promise.all([
        outcomes(head('GET /x', 'X-Name: a\rb'), 'closed', 400)(edge),
        outcomes(`\r\n${head('GET /x')}`, 'closed', 200)(edge),
      ]);
    },
  },
];
