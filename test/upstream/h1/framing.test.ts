import { describe, expect, test } from 'vitest';
import { makePool, rawOrigin, replying, send, type Outcome } from './client.ts';

/** What becomes of one reply; the origin closes after it, so that a reply that is too short cannot hang. */
async function outcome(reply: string, method = 'GET'): Promise<Outcome> {
  const origin = await replying(reply, true);
  return send(makePool(origin.port), { method }).ended;
}

const OK = 'HTTP/1.1 200 OK\r\n';

describe('a good reply', () => {
  const cases: [string, string, Partial<Outcome>, string?][] = [
    ['with Content-Length', `${OK}Content-Length: 5\r\n\r\nhello`, { status: 200, length: 5, body: 'hello' }],
    ['of length 0', `${OK}Content-Length: 0\r\n\r\n`, { status: 200, length: 0, body: '' }],
    ['with the same length twice', `${OK}Content-Length: 2\r\ncontent-length:2\r\n\r\nhi`, { length: 2, body: 'hi' }],
    ['in chunks', `${OK}Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n`, { length: -1, body: 'hello' }],
    ['in CHUNKS', `${OK}TRANSFER-ENCODING:\t CHUNKED \r\n\r\nA\r\n0123456789\r\n0\r\n\r\n`, { body: '0123456789' }],
    ['in chunks with extensions', `${OK}transfer-encoding: chunked\r\n\r\n2;a=b\r\nhi\r\n0;x="y z"\r\n\r\n`, { body: 'hi' }],
    ['with trailers', `${OK}transfer-encoding: chunked\r\n\r\n2\r\nhi\r\n000\r\nX-Sum: 1\r\nSet-Cookie: no\r\n\r\n`, { body: 'hi', block: '' }],
    ['until the end of the connection', `${OK}x: y\r\n\r\nsome bytes`, { length: -1, body: 'some bytes', block: 'x: y\r\n' }],
    ['until the end, empty', `${OK}\r\n`, { length: -1, body: '' }],
    ['of HTTP/1.0', 'HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nhi', { body: 'hi' }],
    ['without a reason', 'HTTP/1.1 404\r\ncontent-length: 0\r\n\r\n', { status: 404 }],
    ['with an odd reason', 'HTTP/1.1 299 caf\xe9 & co\r\ncontent-length: 0\r\n\r\n', { status: 299 }],
    ['of a rare status', 'HTTP/1.1 599 x\r\ncontent-length: 0\r\n\r\n', { status: 599 }],
    ['after 100 and 103', `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n${OK}content-length: 1\r\n\r\n!`, { status: 200, block: '', body: '!' }],
    ['to HEAD', `${OK}content-length: 99\r\nx: y\r\n\r\n`, { length: 99, body: '', block: 'x: y\r\n' }, 'HEAD'],
    ['to HEAD, chunked', `${OK}transfer-encoding: chunked\r\n\r\n`, { length: -1, body: '' }, 'HEAD'],
    ['to HEAD, without a length', `${OK}\r\n`, { length: -1, body: '' }, 'HEAD'],
    ['of status 204', 'HTTP/1.1 204 No Content\r\n\r\n', { status: 204, length: -1, body: '' }],
    ['of status 204 with length 0', 'HTTP/1.1 204 No Content\r\ncontent-length: 0\r\n\r\n', { status: 204, length: -1 }],
    ['of status 304', 'HTTP/1.1 304 Not Modified\r\ncontent-length: 7\r\netag: "e"\r\n\r\n', { status: 304, length: 7, body: '', block: 'etag: "e"\r\n' }],
    ['with values beyond ASCII', `${OK}x: caf\xe9\tau lait\r\ncontent-length: 0\r\n\r\n`, { block: 'x: caf\xe9\tau lait\r\n' }],
    ['with empty values', `${OK}x:\r\ny: \r\ncontent-length: 0\r\n\r\n`, { block: 'x:\r\ny: \r\n' }],
  ]; // prettier-ignore
  test.each(cases)('%s', async (_name, reply, expected, method) => {
    expect(await outcome(reply, method)).toMatchObject({ ...expected, fault: null });
  });
});

describe('fields of one hop', () => {
  test('are dropped, with those that only the edge writes; the rest keeps order, case and repeats', async () => {
    const reply = [
      'HTTP/1.1 200 OK',
      'Date: Mon, 23 Nov 2026 10:00:00 GMT',
      'Set-Cookie: a=1',
      'CONNECTION: keep-alive, X-Hop ,,x-other',
      'X-Hop: 1',
      'Keep-Alive: timeout=5',
      'X-Kept: 1',
      'Proxy-Connection: keep-alive',
      'Upgrade: h2c',
      'TE: trailers',
      'Trailer: x-sum',
      'Proxy-Authenticate: Basic',
      'set-cookie: b=2',
      'x-OTHER: 2',
      'Dates: kept',
      'Content-Length: 0',
      'Last: 1',
    ].join('\r\n');
    const { block } = await outcome(`${reply}\r\n\r\n`);
    expect(block).toBe('Set-Cookie: a=1\r\nX-Kept: 1\r\nset-cookie: b=2\r\nDates: kept\r\nLast: 1\r\n');
  });

  test('named in Connection before or after their line are dropped alike', async () => {
    const { block } = await outcome(
      `${OK}a: 1\r\nb: 2\r\nconnection: a, b, c\r\nc: 3\r\ncontent-length: 0\r\n\r\n`,
    );
    expect(block).toBe('');
  });
});

describe('a bad reply', () => {
  const framing = (lines: string, body = '') => `${OK}${lines}\r\n\r\n${body}`;
  const cases: [string, string][] = [
    ['that is not HTTP', 'SSH-2.0-OpenSSH_9.2\r\n'],
    ['of HTTP/2', 'HTTP/2.0 200 OK\r\n\r\n'],
    ['of HTTP/1.2', 'HTTP/1.2 200 OK\r\n\r\n'],
    ['in lower case', 'http/1.1 200 OK\r\n\r\n'],
    ['with two spaces before the status', 'HTTP/1.1  200 OK\r\n\r\n'],
    ['of status 099', 'HTTP/1.1 099 x\r\n\r\n'],
    ['of status 600', 'HTTP/1.1 600 x\r\ncontent-length: 0\r\n\r\n'],
    ['of status 999', 'HTTP/1.1 999 x\r\ncontent-length: 0\r\n\r\n'],
    ['of status 2000', 'HTTP/1.1 2000 x\r\n\r\n'],
    ['of status 2x0', 'HTTP/1.1 2x0 x\r\n\r\n'],
    ['with a tab behind the status', 'HTTP/1.1 200\tOK\r\n\r\n'],
    ['with a leading blank line', `\r\n${OK}\r\n`],
    ['with a bare LF behind the status line', 'HTTP/1.1 200 OK\ncontent-length: 0\r\n\r\n'],
    ['with a bare LF behind a field', `${OK}a: b\nc: d\r\n\r\n`],
    ['with a bare CR in a value', `${OK}a: b\rc: d\r\n\r\n`],
    ['with a bare CR behind a name', `${OK}a\r: b\r\n\r\n`],
    ['with CR and no LF at the end', `${OK}a: b\r\n\rX`],
    ['with a folded line', `${OK}a: b\r\n c\r\n\r\n`],
    ['with a line folded by a tab', `${OK}a: b\r\n\tc\r\n\r\n`],
    ['with a space before the colon', `${OK}content-length : 0\r\n\r\n`],
    ['with a space in a name', `${OK}a b: c\r\n\r\n`],
    ['with an empty name', `${OK}: c\r\n\r\n`],
    ['without a colon', `${OK}abc\r\n\r\n`],
    ['with NUL in a name', `${OK}a\0: c\r\n\r\n`],
    ['with NUL in a value', `${OK}a: \0\r\n\r\n`],
    ['with DEL in a value', `${OK}a: \x7f\r\n\r\n`],
    ['with bytes beyond ASCII in a name', `${OK}caf\xe9: c\r\n\r\n`],
    ['with a control character in the reason', 'HTTP/1.1 200 \x01\r\n\r\n'],
    ['with differing lengths', framing('content-length: 1\r\ncontent-length: 2', 'ab')],
    ['with a list of lengths', framing('content-length: 1, 1', 'a')],
    ['with an empty length', framing('content-length:')],
    ['with a negative length', framing('content-length: -1')],
    ['with a signed length', framing('content-length: +1', 'a')],
    ['with a hexadecimal length', framing('content-length: 0x1', 'a')],
    ['with a length of 16 digits', framing('content-length: 1000000000000000', 'a')],
    ['with length and chunks', framing('content-length: 5\r\ntransfer-encoding: chunked', '0\r\n\r\n')],
    ['with chunks and length', framing('transfer-encoding: chunked\r\ncontent-length: 5', '0\r\n\r\n')],
    ['with chunks twice', framing('transfer-encoding: chunked\r\ntransfer-encoding: chunked', '0\r\n\r\n')],
    ['with chunks in a list', framing('transfer-encoding: gzip, chunked', '0\r\n\r\n')],
    ['with an unknown coding', framing('transfer-encoding: gzip', 'x')],
    ['with an empty coding', framing('transfer-encoding:', 'x')],
    ['with "xchunked"', framing('transfer-encoding: xchunked', '0\r\n\r\n')],
    ['with chunks in HTTP/1.0', 'HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n'],
    ['that switches protocols', 'HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n'],
    ['with 257 fields', `${OK}${'a: b\r\n'.repeat(257)}\r\n`],
    ['with a head beyond 64 KB', `${OK}${`a: ${'b'.repeat(1000)}\r\n`.repeat(70)}\r\n`],
    ['with a line beyond 64 KB', `${OK}a: ${'b'.repeat(70_000)}`],
    ['with endless interim replies', 'HTTP/1.1 102 Processing\r\n\r\n'.repeat(40)],
  ];
  test.each(cases)('%s', async (_name, reply) => {
    expect(await outcome(reply)).toMatchObject({ status: 0, fault: 'bad_reply', unsent: false, body: '' });
  });

  test('is seen at once, before the origin closes', async () => {
    const origin = await replying('SSH-2.0-OpenSSH_9.2\r\n');
    expect(await send(makePool(origin.port)).ended).toMatchObject({ fault: 'bad_reply' });
  });

  test('tells a client why, but not who', async () => {
    const origin = await replying(`${OK}content-length: 1\r\ncontent-length: 2\r\n\r\n`);
    const attempt = send(makePool(origin.port));
    await attempt.ended;
    expect(attempt.fault!.detail).toContain('Content-Lengths differ');
    expect(attempt.fault!.detail).not.toContain('127.0.0.1');
  });
});

describe('broken chunks', () => {
  const CHUNKED = `${OK}transfer-encoding: chunked\r\n\r\n`;
  const cases: [string, string][] = [
    ['without a size', '\r\nab\r\n'],
    ['of a bad size', 'g\r\nab\r\n'],
    ['of a signed size', '+2\r\nab\r\n0\r\n\r\n'],
    ['of a size with 0x', '0x2\r\nab\r\n0\r\n\r\n'],
    ['of a size with spaces', '2 \r\nab\r\n0\r\n\r\n'],
    ['of a size with 16 digits', '0000000000000002\r\nab\r\n0\r\n\r\n'],
    ['of a size beyond safe integers', 'fffffffffffffff\r\nab\r\n'],
    ['with a bare LF behind the size', '2\nab\r\n0\r\n\r\n'],
    ['with a bare LF in an extension', '2;a\nab\r\n0\r\n\r\n'],
    ['with a control character in an extension', '2;\x01\r\nab\r\n0\r\n\r\n'],
    ['with an endless extension', `2;${'x'.repeat(2000)}\r\nab\r\n0\r\n\r\n`],
    ['without CRLF behind the data', '2\r\nab0\r\n\r\n'],
    ['with more data than announced', '2\r\nabc\r\n0\r\n\r\n'],
    ['with a bare LF behind the data', '2\r\nab\n0\r\n\r\n'],
    ['with a bare LF at the end', '2\r\nab\r\n0\r\n\n'],
    ['with NUL in a trailer', '2\r\nab\r\n0\r\na: \0\r\n\r\n'],
    ['with a bare LF in a trailer', '2\r\nab\r\n0\r\na: b\nc: d\r\n\r\n'],
    ['with endless trailers', `2\r\nab\r\n0\r\n${'a: bcdefgh\r\n'.repeat(3000)}\r\n`],
  ];
  test.each(cases)('%s give bad_reply', async (_name, body) => {
    expect(await outcome(CHUNKED + body)).toMatchObject({ fault: 'bad_reply' });
  });

  test('behind good ones: what was good has been told, and no more', async () => {
    const origin = await rawOrigin((socket) => {
      socket.once('data', () => socket.write(`${CHUNKED}2\r\nab\r\n`));
    });
    const attempt = send(makePool(origin.port));
    await attempt.until(() => attempt.bytes === 2);
    origin.sockets[0]!.write('2\r\ncdXX');
    expect(await attempt.ended).toMatchObject({ status: 200, body: 'ab', fault: 'bad_reply' });
  });
});

describe('a reply cut short', () => {
  const cases: [string, string, string][] = [
    ['before its first byte', '', 'reset'],
    ['in its status line', 'HTTP/1.1 2', 'reset'],
    ['in its fields', `${OK}content-le`, 'reset'],
    ['before its blank line', `${OK}content-length: 0\r\n`, 'reset'],
    ['after an interim reply', 'HTTP/1.1 100 Continue\r\n\r\n', 'reset'],
    ['in a body with a length', `${OK}content-length: 5\r\n\r\nhell`, 'reply_cut'],
    ['in a chunk', `${OK}transfer-encoding: chunked\r\n\r\n5\r\nhell`, 'reply_cut'],
    ['before the last chunk', `${OK}transfer-encoding: chunked\r\n\r\n4\r\nhell\r\n`, 'reply_cut'],
    ['within the last chunk', `${OK}transfer-encoding: chunked\r\n\r\n4\r\nhell\r\n0\r\n`, 'reply_cut'],
    ['in its trailers', `${OK}transfer-encoding: chunked\r\n\r\n0\r\nx: y\r\n`, 'reply_cut'],
  ];
  test.each(cases)('%s', async (_name, reply, code) => {
    expect(await outcome(reply)).toMatchObject({ fault: code, unsent: false });
  });

  test('by a reset does not pass for one that ends with its connection', async () => {
    const origin = await rawOrigin((socket) => {
      socket.once('data', () => socket.write(`${OK}\r\nsome`));
    });
    const attempt = send(makePool(origin.port));
    await attempt.until(() => attempt.bytes === 4);
    origin.sockets[0]!.resetAndDestroy();
    expect(await attempt.ended).toMatchObject({ body: 'some', fault: 'reply_cut' });
  });
});

describe('one read', () => {
  test('gives one piece of body, however many chunks it has', async () => {
    const chunks = Array.from({ length: 50 }, (_, i) => `3\r\n${String(i).padStart(3, '0')}\r\n`).join('');
    const origin = await replying(`${OK}transfer-encoding: chunked\r\n\r\n${chunks}0\r\n\r\n`);
    const attempt = send(makePool(origin.port));
    const { body } = await attempt.ended;
    expect(attempt.pieces).toEqual([150]);
    expect(body.slice(-6)).toBe('048049');
  });
});
