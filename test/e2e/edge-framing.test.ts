import { beforeEach, expect, test } from 'vitest';
import { startTcpOrigin } from '../support/origin.ts';
import { describeEdges, head, outcomeOf, PATIENCE, shown } from './edge-support.ts';

/** A row: the request, and what it is answered on each edge where that is not 400. */
interface Refused {
  readonly bytes: string;
  readonly uws?: number | 'closed';
  readonly node?: number | 'closed';
}

const post = (...fields: string[]): string => head('POST /x', ...fields);
const BODY = 'hello';
const CHUNKS = '5\r\nhello\r\n0\r\n\r\n';

/** After these nobody can know where the next request begins: the connection ends. */
const UNTRUSTED: Record<string, Refused> = {
  'Content-Length twice': { bytes: post('Content-Length: 5', 'Content-Length: 6') + BODY },
  'Content-Length twice, the same': { bytes: post('Content-Length: 5', 'Content-Length: 5') + BODY },
  'Content-Length 0, then another': { bytes: post('Content-Length: 0', 'Content-Length: 35') },
  'an empty Content-Length, then another': { bytes: post('Content-Length:', 'Content-Length: 35') },
  ...Object.fromEntries(
    ['', '+5', '-5', '5,5', '5, 5', '5 5', '0x5', '5_', '5.0', '5e0', '1'.repeat(16), '9'.repeat(30)].map(
      (value) => [`Content-Length ${value || '(empty)'}`, { bytes: post(`Content-Length: ${value}`) + BODY }],
    ),
  ),
  'Content-Length, then Transfer-Encoding': {
    bytes: post('Content-Length: 5', 'Transfer-Encoding: chunked') + CHUNKS,
  },
  'Transfer-Encoding, then Content-Length': {
    bytes: post('Transfer-Encoding: chunked', 'Content-Length: 5') + CHUNKS,
  },
  'Transfer-Encoding twice': {
    bytes: post('Transfer-Encoding: chunked', 'Transfer-Encoding: chunked') + CHUNKS,
  },
  'Transfer-Encoding identity, then chunked': {
    bytes: post('Transfer-Encoding: identity', 'Transfer-Encoding: chunked') + CHUNKS,
  },
  ...Object.fromEntries(
    [
      'xchunked',
      'identity',
      'chunked, identity',
      'gzip, chunked',
      'chunked, chunked',
      'chunked;q=1',
      '"chunked"',
    ].map((value) => [`Transfer-Encoding ${value}`, { bytes: post(`Transfer-Encoding: ${value}`) + CHUNKS }]),
  ),
  'no Host': { bytes: 'GET /x HTTP/1.1\r\n\r\n' },
  'Host twice': { bytes: head('GET /x', 'Host: other') },
  'Host twice, the same': { bytes: head('GET /x', 'Host: test') },
  ...Object.fromEntries(
    ['', 'a/b', 'user@host', 'a b', 'a,b', 'a:99999', 'a:b', '[::1', 'a\xe9b', 'a%41', 'a..b'].map((host) => [
      `Host ${shown(host) || '(empty)'}`,
      { bytes: `GET /x HTTP/1.1\r\nHost: ${host}\r\n\r\n` },
    ]),
  ),
  'a Connection value that is not text': { bytes: head('GET /x', 'Connection: a\xe9b') },
  'a credential that is not text': { bytes: head('GET /x', 'Authorization: Basic a\xe9b') },
  'a space before the colon': { bytes: head('GET /x', 'X-Name : a') },
  'a folded line': { bytes: head('GET /x', 'X-Name: a', ' b') },
  'a line without a colon': { bytes: head('GET /x', 'X-Name') },
  'a name with a space': { bytes: head('GET /x', 'X Name: a') },
  'a NUL in a value': { bytes: head('GET /x', 'X-Name: a\0b') },
  'lines that end in LF alone': { bytes: 'GET /x HTTP/1.1\nHost: test\n\n', uws: 505 },
  'a chunk size that is no number': {
    bytes: post('Transfer-Encoding: chunked') + 'xyz\r\nhello\r\n0\r\n\r\n',
  },
};

/** The message is whole, but nothing that the gateway forwards. */
const UNWANTED: Record<string, Refused> = {
  'a value that is not text': { bytes: head('GET /x', 'X-Name: a\xe9b') },
  'a space in the target': { bytes: head('GET /a b'), uws: 505 },
  'a control character in the target': { bytes: head('GET /a\x01b'), uws: 505 },
  'DEL in the target': { bytes: head('GET /a\x7fb') },
  'bytes beyond ASCII in the path': { bytes: head('GET /\xc3\xa9') },
  'bytes beyond ASCII in the query': { bytes: head('GET /?\xc3\xa9') },
  'an encoded slash': { bytes: head('GET /a%2fb') },
  'an encoded NUL': { bytes: head('GET /a%00b') },
  'a bad escape': { bytes: head('GET /a%zzb') },
  'a backslash': { bytes: head('GET /a\\b') },
  'a fragment': { bytes: head('GET /a#b') },
  'a target without a slash': { bytes: head('GET a'), uws: 505 },
  'an unknown method': { bytes: head('FOO /'), uws: 501 },
  'a method in lower case': { bytes: head('get /'), uws: 501 },
  'a method that is no token': { bytes: head('G@T /'), uws: 501 },
  'HTTP/2.0': { bytes: 'GET / HTTP/2.0\r\nHost: test\r\n\r\n', uws: 505 },
  CONNECT: { bytes: 'CONNECT test:443 HTTP/1.1\r\nHost: test:443\r\n\r\n', uws: 505, node: 'closed' },
};

const SMUGGLED = head('GET /smuggled');
let bytes = 0;
const silent = () => startTcpOrigin((socket) => socket.on('data', (data: Buffer) => (bytes += data.length)));

describeEdges('what must not be forwarded', { origin: silent }, (edge) => {
  beforeEach(() => {
    bytes = 0;
  });

  test.each(Object.entries(UNTRUSTED))('rule 1: %s is refused, and ends the connection', async (_, row) => {
    using client = await edge.connect();
    await client.send(row.bytes);
    expect(await outcomeOf(client)).toBe(row[edge.kind] ?? 400);
    await client.send(SMUGGLED);
    expect(answersIn(await client.untilClosed(PATIENCE))).toBe(1);
    expect(bytes).toBe(0);
  });

  test.each(Object.entries(UNTRUSTED))('rule 6: a request behind %s is never seen', async (_, row) => {
    using client = await edge.connect();
    await client.send(row.bytes + SMUGGLED);
    // uWebSockets.js ends a connection on which another request comes while one waits.
    expect([row[edge.kind] ?? 400, 'closed']).toContain(await outcomeOf(client));
    expect(answersIn(await client.untilClosed(PATIENCE))).toBeLessThan(2);
    expect(bytes).toBe(0);
  });

  // The addon waits for the rest of such a line, until the header timer.
  test.runIf(edge.kind === 'node')(
    'a request behind a line without version is never seen, whatever its path',
    async () => {
      using client = await edge.connect();
      await client.send('GET /x\\HTTP/1.0\r\nHost: test\r\nConnection: keep-alive\r\n\r\n');
      expect(await outcomeOf(client)).toBe(400);
      await client.send(SMUGGLED);
      expect(answersIn(await client.untilClosed(PATIENCE))).toBe(1);
      expect(bytes).toBe(0);
    },
  );

  test.each(Object.entries(UNWANTED))('rule 1: %s is refused', async (_, row) => {
    expect(await edge.outcome(row.bytes)).toBe(row[edge.kind] ?? 400);
    expect(bytes).toBe(0);
  });

  // The addon takes two bytes, and no trailers, for the end of a chunked body. What follows was dispatched.
  test.each([
    ['in the same segment', ['0\r\nX:', head('GET /smuggled')], false],
    ['after the answer', ['0\r\nX:', head('GET /smuggled')], true],
  ] as const)('a request hidden in trailers, %s, is never seen', async (_, parts, waits) => {
    for (const target of ['/x%zz', '/x%2f']) {
      using client = await edge.connect();
      const [first, second] = parts;
      const request = post('Transfer-Encoding: chunked').replace('/x', target) + first;
      await client.send(...(waits ? [request] : [request + second]));
      if (waits) {
        await outcomeOf(client);
        await client.send(second);
      }
      client.end();
      expect(answersIn(await client.untilClosed(PATIENCE))).toBeLessThan(2);
      expect(bytes).toBe(0);
    }
  });

  test('rule 1: what the gateway refuses is told in a problem document', async () => {
    const reply = await edge.ask(post('Content-Length: 5', 'Content-Length: 6') + BODY);
    expect(reply.get('content-type')).toBe('application/problem+json');
    expect(JSON.parse(reply.body.toString())).toMatchObject({
      type: 'urn:sluice:problem:bad_request',
      status: 400,
    });
  });
});

const answersIn = (received: Buffer): number => received.toString('latin1').split('HTTP/1.1 ').length - 1;
