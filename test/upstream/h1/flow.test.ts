import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { makePool, rawOrigin, replying, send } from './client.ts';

const MB = 1024 ** 2;
const TOTAL = 200 * MB;

test('a reply of 200 MB through pause and resume arrives whole and in order, in bounded memory', async () => {
  const block = Buffer.from(Array.from({ length: MB }, (_, i) => (i * 7) % 251));
  const origin = await rawOrigin((socket) => {
    socket.once('data', () => {
      socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${TOTAL}\r\n\r\n`);
      let left = TOTAL;
      const pump = (): void => {
        while (left > 0) {
          left -= MB;
          if (!socket.write(block)) return void socket.once('drain', pump);
        }
      };
      pump();
    });
  });
  const hash = createHash('md5');
  let peak = 0;
  let calls = 0;
  const attempt = send(makePool(origin.port), {}, { idle: 5000 }, {
    data: (chunk) => {
      hash.update(chunk);
      peak = Math.max(peak, process.memoryUsage.rss());
      if (++calls % 20 !== 0) return;
      attempt.stream!.pause();
      setImmediate(() => attempt.stream!.resume());
    },
  }); // prettier-ignore
  const before = process.memoryUsage.rss();
  expect(await attempt.ended).toMatchObject({ status: 200, fault: null });
  expect(attempt.bytes).toBe(TOTAL);
  const wanted = createHash('md5');
  for (let i = 0; i < TOTAL / MB; i++) wanted.update(block);
  expect(hash.digest('hex')).toBe(wanted.digest('hex'));
  expect(peak - before).toBeLessThan(100 * MB);
}, 60_000);

test('a paused attempt is given nothing more, and the origin feels it', async () => {
  const origin = await rawOrigin((socket) => {
    socket.once('data', () => {
      socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${TOTAL}\r\n\r\n`);
      while (socket.writableLength < 20 * MB) socket.write(Buffer.alloc(MB));
    });
  });
  const attempt = send(
    makePool(origin.port),
    {},
    {},
    { head: () => attempt.stream!.pause(), data: () => {} },
  );
  await attempt.until(() => attempt.pieces.length > 0);
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(attempt.pieces).toHaveLength(1);
  expect(origin.sockets[0]!.writableLength).toBeGreaterThan(10 * MB);
  attempt.stream!.resume();
  await attempt.until(() => attempt.bytes > 10 * MB);
  attempt.stream!.abort();
});

test('a connection whose reply ended while it was paused serves again', async () => {
  const origin = await replying('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok');
  const pool = makePool(origin.port);
  for (let i = 0; i < 3; i++) {
    const attempt = send(pool, {}, {}, { head: () => attempt.stream!.pause() });
    expect(await attempt.ended).toMatchObject({ body: 'ok' });
  }
  expect(origin.sockets).toHaveLength(1);
});

test('a connection that closes while paused is seen on resume', async () => {
  const origin = await replying('HTTP/1.1 200 OK\r\n\r\nrest', true);
  const attempt = send(makePool(origin.port), {}, {}, { head: () => attempt.stream!.pause() });
  await attempt.until(() => attempt.bytes > 0);
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(attempt.over).toBe(false);
  attempt.stream!.resume();
  expect(await attempt.ended).toMatchObject({ body: 'rest', fault: null });
});

test.each([
  ['Content-Length', TOTAL],
  ['chunks', -1],
])(
  'a request of 200 MB in %s goes at the pace of its reader, in bounded memory',
  async (_name, length) => {
    let received = 0;
    const origin = await rawOrigin((socket) => {
      socket.on('data', (chunk: Buffer) => {
        received += chunk.length;
        if (received % 7 === 0) {
          socket.pause();
          setImmediate(() => socket.resume());
        }
        if (received >= TOTAL && (length > 0 || chunk.subarray(-5).toString() === '0\r\n\r\n'))
          socket.write('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n');
      });
    });
    const pool = makePool(origin.port);
    const attempt = send(pool, { method: 'POST', length }, { idle: 5000 });
    const stream = await attempt.opened;
    const piece = Buffer.alloc(65_536, 'x');
    const before = process.memoryUsage.rss();
    let peak = 0;
    for (let sent = 0; sent < TOTAL;) {
      sent += piece.length;
      const drains = attempt.drains;
      if (!stream.write(piece, sent === TOTAL) && sent < TOTAL)
        await attempt.until(() => attempt.drains > drains);
      peak = Math.max(peak, process.memoryUsage.rss());
    }
    expect(await attempt.ended).toMatchObject({ status: 200, fault: null });
    expect(received).toBeGreaterThanOrEqual(TOTAL);
    expect(peak - before).toBeLessThan(100 * MB);
    expect(attempt.drains).toBeGreaterThan(0);
  },
  60_000,
);
