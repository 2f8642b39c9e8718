import { joinLines } from '../../../src/lib/field-lines.ts';
import { expect, test } from 'vitest';
import type { RequestHead } from '../../../src/contracts/http.ts';
import { everything, makePool, rawOrigin, send } from './client.ts';

const OK = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok';

/** An origin that says nothing until told, and gives what it has received. */
async function listener() {
  const origin = await rawOrigin((socket) => {
    socket.on('data', (chunk: Buffer) => {
      got += chunk.toString('latin1');
      segments.push(chunk.length);
      for (const wake of wakes.splice(0)) wake();
    });
  });
  let got = '';
  const segments: number[] = [];
  const wakes: (() => void)[] = [];
  const until = async (end: string) => {
    while (!got.endsWith(end)) await new Promise<void>((resolve) => wakes.push(resolve));
    return got;
  };
  return { ...origin, until, segments, got: () => got };
}

const text = (value: string) => Buffer.from(value);

test('a request without body is a line, host, fields and added fields in order, and no framing', async () => {
  const origin = await listener();
  const attempt = send(makePool(origin.port), {
    method: 'DELETE',
    target: '/a/b?c=d',
    lines: joinLines(['accept', '*/*', 'cookie', 'a=1', 'cookie', 'b=2']),
    added: 'via: 1.1 sluice\r\n',
  });
  expect(await origin.until('\r\n\r\n')).toBe(
    'DELETE /a/b?c=d HTTP/1.1\r\nhost: origin.test\r\naccept: */*\r\ncookie: a=1\r\ncookie: b=2\r\nvia: 1.1 sluice\r\n\r\n',
  );
  origin.sockets[0]!.write(OK);
  expect(await attempt.ended).toMatchObject({ status: 200, body: 'ok' });
});

test('an empty POST says so', async () => {
  const origin = await listener();
  send(makePool(origin.port), { method: 'POST', explicitZero: true });
  expect(await origin.until('\r\n\r\n')).toContain('\r\ncontent-length: 0\r\n\r\n');
});

test('fields beyond ASCII go out as UTF-8', async () => {
  const origin = await listener();
  send(makePool(origin.port), { lines: joinLines(['x', 'caf\u00e9 \u20ac']) });
  expect(await origin.until('\r\n\r\n')).toContain(`x: ${text('caf\u00e9 \u20ac').toString('latin1')}\r\n`);
  const other = await listener();
  const attempt = send(makePool(other.port), { lines: joinLines(['x', '\u20ac']), length: 2 });
  (await attempt.opened).write(text('hi'), true);
  expect(await other.until('hi')).toContain(
    `x: ${text('\u20ac').toString('latin1')}\r\ncontent-length: 2\r\n\r\nhi`,
  );
});

test.each([
  ['small', 'a', 100, 16_384],
  ['where a third of the room is left', '\u20ac', 5_000, 10_000],
  ['beyond the room', '\u20ac', 9_000, 16_384],
  ['beyond the room because of the piece', 'a', 100, 40_000],
])('a head of %s and its body arrive whole, whatever UTF-8 makes of it', async (_, unit, units, bytes) => {
  const origin = await listener();
  const value = unit.repeat(units);
  const body = 'b'.repeat(bytes);
  for (const length of [bytes, -1]) {
    const attempt = send(makePool(origin.port), { lines: joinLines(['x', value]), length });
    (await attempt.opened).write(text(body), true);
    const all = await origin.until(length < 0 ? `${body}\r\n0\r\n\r\n` : body);
    expect(all).toContain(`x: ${text(value).toString('latin1')}\r\n`);
  }
  expect(origin.got().split('b'.repeat(bytes))).toHaveLength(3);
});

test('head and first piece of body leave in one segment; the bytes are copied before write returns', async () => {
  const origin = await listener();
  const piece = text('hello');
  const attempt = send(makePool(origin.port), { method: 'POST', length: 5 });
  const stream = await attempt.opened;
  stream.write(piece, true);
  piece.fill('#');
  expect(await origin.until('hello')).toContain('\r\ncontent-length: 5\r\n\r\nhello');
  expect(origin.segments).toHaveLength(1);
});

test('a head whose body is late goes ahead alone', async () => {
  const origin = await listener();
  const attempt = send(makePool(origin.port), { method: 'POST', length: -1 });
  expect(await origin.until('\r\n\r\n')).toContain('transfer-encoding: chunked');
  attempt.stream!.write(text('late'), false);
  await origin.until('4\r\nlate\r\n');
  attempt.stream!.write(Buffer.alloc(0), true);
  expect(await origin.until('0\r\n\r\n')).toMatch(/\r\n\r\n4\r\nlate\r\n0\r\n\r\n$/);
});

test('chunks: an empty piece in the middle does not end the message, a last piece ends it in the same segment', async () => {
  const origin = await listener();
  const attempt = send(makePool(origin.port), { method: 'POST', length: -1 });
  const stream = await attempt.opened;
  stream.write(Buffer.alloc(0), false);
  stream.write(Buffer.alloc(26, 'a'), true);
  expect(await origin.until('0\r\n\r\n')).toContain(`\r\n\r\n1a\r\n${'a'.repeat(26)}\r\n0\r\n\r\n`);
  expect(origin.segments).toHaveLength(1);
  origin.sockets[0]!.write(OK);
  expect(await attempt.ended).toMatchObject({ status: 200 });
});

test('pieces of an announced length go out as they are, and an empty last piece adds nothing', async () => {
  const origin = await listener();
  const pool = makePool(origin.port);
  const attempt = send(pool, { method: 'PUT', length: 6 });
  const stream = await attempt.opened;
  stream.write(text('abc'), false);
  stream.write(text('def'), false);
  stream.write(Buffer.alloc(0), true);
  expect(await origin.until('abcdef')).toMatch(/\r\n\r\nabcdef$/);
  origin.sockets[0]!.write(OK);
  await attempt.ended;
  expect(pool.stats().idle).toBe(1);
  const next = send(pool);
  expect(await origin.until('host: origin.test\r\n\r\n')).toMatch(/abcdefGET \/ HTTP\/1\.1\r\n/);
  expect(next.reused).toBe(true);
});

const misuse: [string, Partial<RequestHead>, [string, boolean][]][] = [
  ['more than announced', { length: 3 }, [['abcd', true]]],
  ['more than announced in two pieces', { length: 3 }, [['ab', false], ['cd', true]]],
  ['less than announced', { length: 5 }, [['abc', true]]],
  ['less than announced, ended by an empty piece', { length: 5 }, [['abc', false], ['', true]]],
  ['something behind the last chunk', { length: -1 }, [['abc', true], ['d', false]]],
]; // prettier-ignore
test.each(misuse)('a body of %s never looks whole, and the connection dies', async (_name, head, pieces) => {
  const origin = await rawOrigin(() => {});
  const pool = makePool(origin.port);
  const attempt = send(pool, { method: 'POST', ...head });
  const stream = await attempt.opened;
  const seen = everything(await origin.accepted(0));
  for (const [piece, last] of pieces) stream.write(text(piece), last);
  expect(await attempt.ended).toMatchObject({ fault: 'internal' });
  const [, body = ''] = (await seen).split('\r\n\r\n', 2);
  if (head.length! > 0) expect(body.length).toBeLessThan(head.length!);
  expect(pool.stats()).toEqual({ idle: 0, busy: 0, waiting: 0 });
});

test.each([
  ['target', { target: '/a\r\nx: y' }],
  ['host', { host: 'a\nx: y' }],
  ['value that is not text', { lines: joinLines(['x-a', 'caf\ufffd']) }],
])('a head that cannot be sent (%s) costs no connection', async (_name, head) => {
  const origin = await rawOrigin(() => {});
  const pool = makePool(origin.port);
  expect(await send(pool, head).ended).toMatchObject({ fault: 'bad_request', unsent: true });
  expect(pool.stats()).toEqual({ idle: 0, busy: 0, waiting: 0 });
});

test.each([
  ['Content-Length', 10],
  ['chunks', -1],
])('an abort in the middle of an upload with %s leaves an incomplete request', async (_name, length) => {
  const origin = await rawOrigin(() => {});
  const pool = makePool(origin.port);
  const attempt = send(pool, { method: 'POST', length });
  const stream = await attempt.opened;
  const socket = await origin.accepted(0);
  const seen = everything(socket);
  stream.write(text('abc'), false);
  await new Promise((resolve) => socket.once('data', resolve));
  stream.abort();
  stream.write(text('defghij'), true);
  const request = await seen;
  expect(request).toContain('abc');
  expect(request).not.toContain('def');
  expect(request.endsWith('0\r\n\r\n')).toBe(false);
  expect(attempt.over).toBe(false);
  expect(pool.stats().busy).toBe(0);
});

test('an early reply arrives whole; the rest of the body is swallowed and the connection is not used again', async () => {
  const origin = await rawOrigin((socket) => {
    socket.once('data', () => socket.write('HTTP/1.1 413 Too Large\r\ncontent-length: 3\r\n\r\nbig'));
  });
  const pool = makePool(origin.port);
  const attempt = send(pool, { method: 'POST', length: 100 });
  const stream = await attempt.opened;
  stream.write(text('first'), false);
  expect(await attempt.ended).toMatchObject({ status: 413, body: 'big', fault: null });
  expect(stream.write(text('second'), false)).toBe(true);
  expect(stream.write(Buffer.alloc(90), true)).toBe(true);
  expect(pool.stats()).toEqual({ idle: 0, busy: 0, waiting: 0 });
});

test('an early reply before a close arrives whole, although the upload runs into the closed door', async () => {
  const origin = await rawOrigin((socket) => {
    socket.once('data', () => {
      socket.pause();
      socket.end('HTTP/1.1 413 Too Large\r\nconnection: close\r\ncontent-length: 3\r\n\r\nbig');
    });
  });
  const attempt = send(makePool(origin.port), { method: 'POST', length: 10_000_000 });
  const stream = await attempt.opened;
  const upload = (): void => {
    if (!attempt.over && stream.write(Buffer.alloc(10_000), false)) setImmediate(upload);
  };
  upload();
  expect(await attempt.ended).toMatchObject({ status: 413, body: 'big', fault: null });
});

test('an early reply without an end goes on beside the upload', async () => {
  const origin = await listener();
  const attempt = send(makePool(origin.port), { method: 'POST', length: -1 });
  const stream = await attempt.opened;
  stream.write(text('one'), false);
  await origin.until('one\r\n');
  origin.sockets[0]!.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nA\r\n');
  await attempt.until(() => attempt.bytes === 1);
  stream.write(text('two'), true);
  await origin.until('two\r\n0\r\n\r\n');
  origin.sockets[0]!.write('1\r\nB\r\n0\r\n\r\n');
  expect(await attempt.ended).toMatchObject({ body: 'AB', fault: null });
});

test('aborting from within any call ends it there', async () => {
  const origin = await rawOrigin((socket) => {
    socket.on('data', () => socket.write(OK));
  });
  const pool = makePool(origin.port);
  const opened = send(pool, {}, {}, { open: (stream) => stream.abort() });
  await opened.opened;
  const abort = () => {
    headed.aborted = true;
    headed.stream!.abort();
  };
  const headed = send(pool, {}, {}, { head: abort });
  await origin.accepted(1);
  await new Promise((resolve) => origin.sockets[1]!.once('close', resolve));
  expect(headed.head).not.toBeNull();
  expect([opened.over, headed.over, headed.pieces.length]).toEqual([false, false, 0]);
  expect(pool.stats()).toEqual({ idle: 0, busy: 0, waiting: 0 });
});
