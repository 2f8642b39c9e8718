import { expect, test } from 'vitest';
import { MalformedReply, parseReply } from './reply-parser.ts';

const parse = (text: string, method?: string, closed?: boolean) =>
  parseReply(Buffer.from(text, 'latin1'), method, closed);

test('a reply is framed by its length and leaves what follows', () => {
  const parsed = parse('HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-A: 1\r\nx-a: 2\r\n\r\nhiHTTP/1.1');
  expect(parsed?.reply).toMatchObject({ status: 200, reason: 'OK', framing: 'length' });
  expect(parsed?.reply.body.toString()).toBe('hi');
  expect(parsed?.reply.get('X-A')).toBe('1, 2');
  expect(parsed?.rest.toString()).toBe('HTTP/1.1');
});

test('chunks are joined and trailers kept', () => {
  const parsed = parse(
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\na\r\n0123456789\r\n0\r\nt: 1\r\n\r\n',
  );
  expect(parsed?.reply.body.toString()).toBe('hi0123456789');
  expect(parsed?.reply.trailers).toEqual([['t', '1']]);
  expect(parsed?.rest.length).toBe(0);
});

test('without framing fields the body ends with the connection', () => {
  expect(parse('HTTP/1.1 200 OK\r\n\r\nhi')).toBeNull();
  expect(parse('HTTP/1.1 200 OK\r\n\r\nhi', 'GET', true)?.reply).toMatchObject({ framing: 'close' });
});

test.each([
  ['HEAD', 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nrest'],
  ['GET', 'HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\nrest'],
  ['GET', 'HTTP/1.1 204 No Content\r\n\r\nrest'],
  ['GET', 'HTTP/1.1 100 Continue\r\n\r\nrest'],
])('no body is taken in answer to %s from %j', (method, text) => {
  expect(parse(text, method)?.rest.toString()).toBe('rest');
});

test('every cut of a reply waits for more', () => {
  const whole = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nt: 1\r\n\r\n';
  for (let end = 0; end < whole.length; end += 1) expect(parse(whole.slice(0, end))).toBeNull();
  expect(parse(whole)).not.toBeNull();
});

test.each([
  'HTTP/1.0 200 OK\r\n\r\n',
  'HTTP/1.1 200\r\n\r\n',
  'HTTP/1.1 999 No\r\n\r\n',
  'HTTP/1.1 200 OK\r\nA : b\r\n\r\n',
  'HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n',
  'HTTP/1.1 200 OK\r\nA: b\nC: d\r\n\r\n',
  'HTTP/1.1 200 OK\r\nA: b\0\r\n\r\n',
  'HTTP/1.1 200 OK\r\n: b\r\n\r\n',
  'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx',
  'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\nx',
  'HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\nx',
  'HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n',
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n',
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;ext=1\r\nhi\r\n0\r\n\r\n',
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi!\r\n0\r\n\r\n',
])('is refused: %j', (text) => {
  expect(() => parse(text)).toThrow(MalformedReply);
});
