import { expect, test } from 'vitest';
import { makePool, onRequest, rawOrigin, send, type Recorder } from './client.ts';

const OK = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok';

/** The outcome, and that it took about `ms`: never less, and not far more, for all that the machine may stall. */
async function after(ms: number, attempt: Recorder) {
  const started = performance.now();
  const outcome = await attempt.ended;
  const took = performance.now() - started;
  expect(took).toBeGreaterThan(ms - 20);
  expect(took).toBeLessThan(ms + 5000);
  return outcome;
}

test('connect: a peer that does not answer', async () => {
  // Reserved for documentation: packets go nowhere, or the network says so at once.
  const pool = makePool(9, { host: '192.0.2.1' });
  const outcome = await send(pool, {}, { connect: 200 }).ended;
  expect(['connect_timeout', 'connect_refused']).toContain(outcome.fault);
  expect(outcome.unsent).toBe(true);
});

test('connect: a TLS handshake that does not come about', async () => {
  const origin = await rawOrigin(() => {});
  const pool = makePool(origin.port, { tls: {} });
  const outcome = await after(200, send(pool, {}, { connect: 200 }));
  expect(outcome).toMatchObject({ fault: 'connect_timeout', unsent: true });
  expect(pool.stats().busy).toBe(0);
});

test('connect: waiting for a free connection counts', async () => {
  const origin = await rawOrigin(() => {});
  const pool = makePool(origin.port, { max: 1 });
  const running = send(pool);
  const waiting = send(pool, {}, { connect: 200 });
  expect(await after(200, waiting)).toMatchObject({ fault: 'connect_timeout', unsent: true });
  expect(running.over).toBe(false);
  expect(pool.stats()).toEqual({ idle: 0, busy: 1, waiting: 0 });
});

test('replyBy: bounds everything until the head is there, and nothing after it', async () => {
  const origin = await rawOrigin(() => {});
  const pool = makePool(origin.port, { max: 1 });
  const late = send(pool, {}, {}, {}, performance.now() + 200);
  expect(await after(200, late)).toMatchObject({ fault: 'reply_timeout', unsent: false });

  const slow = await rawOrigin((socket) =>
    onRequest(socket, () => {
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\no');
      setTimeout(() => socket.write('k'), 400);
    }),
  );
  const long = send(makePool(slow.port), {}, {}, {}, performance.now() + 200);
  expect(await long.ended).toMatchObject({ status: 200, body: 'ok' });
});

test('firstByte: counts from the end of the request', async () => {
  const origin = await rawOrigin(() => {});
  const pool = makePool(origin.port);
  expect(await after(200, send(pool, {}, { firstByte: 200 }))).toMatchObject({
    fault: 'reply_timeout',
    unsent: false,
  });
  const upload = send(pool, { method: 'POST', length: 2 }, { firstByte: 200 });
  const stream = await upload.opened;
  await new Promise((resolve) => setTimeout(resolve, 400));
  expect(upload.over).toBe(false);
  stream.write(Buffer.from('hi'), true);
  expect(await after(200, upload)).toMatchObject({ fault: 'reply_timeout' });
});

test('firstByte is over with the first byte, and a reused connection starts afresh', async () => {
  const origin = await rawOrigin((socket) => {
    onRequest(socket, () => {
      socket.write('HTTP/1.1 200 OK\r\n');
      setTimeout(() => socket.write('content-length: 2\r\n\r\nok'), 300);
    });
  });
  const pool = makePool(origin.port, { idleMs: 500 });
  for (let i = 0; i < 3; i++) {
    const outcome = await send(pool, {}, { firstByte: 200, connect: 100, idle: 5000 }).ended;
    expect(outcome).toMatchObject({ status: 200, fault: null });
  }
  expect(origin.sockets).toHaveLength(1);
});

test.each([
  ['head', 'HTTP/1.1 200 OK\r\nx', 'a'],
  ['body', 'HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\nx', 'b'],
  ['chunk', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n99\r\nx', 'c'],
])('idle: silence in the middle of a %s', async (_name, start, drip) => {
  const origin = await rawOrigin((socket) => {
    socket.once('data', () => {
      socket.write(start);
      let drips = 0;
      const timer = setInterval(() => (drips++ < 15 ? socket.write(drip) : clearInterval(timer)), 60);
    });
  });
  const attempt = send(makePool(origin.port), {}, { idle: 800 });
  // The drips alone take longer than that.
  expect(await after(1500, attempt)).toMatchObject({ fault: 'idle_timeout', unsent: false });
});

test('idle: silence is not counted while paused', async () => {
  const origin = await rawOrigin((socket) => {
    onRequest(socket, () => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\no'));
  });
  const attempt = send(makePool(origin.port), {}, { idle: 150 }, { head: () => attempt.stream!.pause() });
  await attempt.until(() => attempt.bytes === 1);
  await new Promise((resolve) => setTimeout(resolve, 500));
  expect(attempt.over).toBe(false);
  attempt.stream!.resume();
  expect(await after(150, attempt)).toMatchObject({ fault: 'idle_timeout' });
});

test('idle: an upstream that does not read the request', async () => {
  const origin = await rawOrigin((socket) => socket.pause());
  const attempt = send(makePool(origin.port), { method: 'POST', length: -1 }, { idle: 200 });
  const stream = await attempt.opened;
  const piece = Buffer.alloc(65_536);
  while (stream.write(piece, false));
  expect(await after(200, attempt)).toMatchObject({ fault: 'idle_timeout', unsent: false });
});

test('idle: a slow client is not the fault of the upstream', async () => {
  const origin = await rawOrigin((socket) => {
    socket.on('data', (chunk: Buffer) => {
      if (chunk.toString().endsWith('end')) socket.write(OK);
    });
  });
  const attempt = send(
    makePool(origin.port),
    { method: 'POST', length: 6 },
    { idle: 150, firstByte: 150, connect: 150 },
  );
  const stream = await attempt.opened;
  stream.write(Buffer.from('abc'), false);
  await new Promise((resolve) => setTimeout(resolve, 500));
  expect(attempt.over).toBe(false);
  stream.write(Buffer.from('end'), true);
  expect(await attempt.ended).toMatchObject({ status: 200, fault: null });
});
