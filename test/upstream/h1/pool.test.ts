import { expect, test } from 'vitest';
import { everything, makePool, onRequest, rawOrigin, replying, send } from './client.ts';

const OK = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok';
const closed = (socket: { once(event: 'close', done: () => void): unknown }) =>
  new Promise<void>((resolve) => socket.once('close', resolve));

test('requests one after the other share a connection', async () => {
  const origin = await replying(OK);
  const pool = makePool(origin.port);
  for (let i = 0; i < 20; i++) {
    const attempt = send(pool);
    expect(await attempt.ended).toMatchObject({ status: 200, body: 'ok' });
    expect(attempt.reused).toBe(i > 0);
  }
  expect(origin.sockets).toHaveLength(1);
  expect(pool.stats()).toEqual({ idle: 1, busy: 0, waiting: 0 });
});

test('a free connection carries a request before open returns', async () => {
  const origin = await replying(OK);
  const pool = makePool(origin.port);
  await send(pool).ended;
  const attempt = send(pool);
  expect(attempt.stream).not.toBeNull();
  await attempt.ended;
});

test.each([
  ['says so', 'HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok'],
  ['says so in a list', 'HTTP/1.1 200 OK\r\nconnection: x, CLOSE\r\ncontent-length: 2\r\n\r\nok'],
  ['says both', 'HTTP/1.1 200 OK\r\nconnection: keep-alive, close\r\ncontent-length: 2\r\n\r\nok'],
  ['speaks HTTP/1.0', 'HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok'],
  [
    'leaves an idle connection no time',
    'HTTP/1.1 200 OK\r\nkeep-alive: timeout=1\r\ncontent-length: 2\r\n\r\nok',
  ],
  ['sends more than its reply', `${OK}!`],
  ['sends a second reply', `${OK}${OK}`],
  ['sends a body with 204', 'HTTP/1.1 204 No\r\ncontent-length: 2\r\n\r\nok'],
])('a connection is not used again when the upstream %s', async (_name, reply) => {
  const origin = await replying(reply);
  const pool = makePool(origin.port);
  for (let i = 0; i < 3; i++) expect(await send(pool).ended).toMatchObject({ fault: null });
  expect(origin.sockets).toHaveLength(3);
  expect(pool.stats().idle).toBe(0);
});

test('HTTP/1.0 with keep-alive is used again', async () => {
  const origin = await replying('HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\ncontent-length: 2\r\n\r\nok');
  const pool = makePool(origin.port);
  for (let i = 0; i < 3; i++) await send(pool).ended;
  expect(origin.sockets).toHaveLength(1);
});

test('a connection that idles too long is closed', async () => {
  const origin = await replying(OK);
  const pool = makePool(origin.port, { idleMs: 100 });
  await send(pool).ended;
  await closed(origin.sockets[0]!);
  expect(pool.stats()).toEqual({ idle: 0, busy: 0, waiting: 0 });
});

test('a connection is closed a second before the upstream would', async () => {
  const life = async () => {
    const origin = await replying(
      'HTTP/1.1 200 OK\r\nKeep-Alive: max=9, timeout=2\r\ncontent-length: 0\r\n\r\n',
    );
    await send(makePool(origin.port)).ended;
    const started = performance.now();
    await closed(origin.sockets[0]!);
    return performance.now() - started;
  };
  // At once: a machine that stalls closes some of them late.
  const lives = await Promise.all([life(), life(), life()]);
  expect(Math.min(...lives)).toBeGreaterThan(900);
  if (Math.min(...lives) >= 1900) lives.push(await life());
  expect(Math.min(...lives)).toBeLessThan(1900);
});

test.each([
  ['closes', (socket: { end(): void }) => socket.end()],
  ['resets', (socket: { resetAndDestroy(): void }) => socket.resetAndDestroy()],
  ['writes to', (socket: { write(data: string): void }) => socket.write('HTTP/1.1 408 Timeout\r\n\r\n')],
])('an idle connection that the upstream %s is forgotten', async (_name, act) => {
  const origin = await replying(OK);
  const pool = makePool(origin.port);
  await send(pool).ended;
  act(origin.sockets[0]!);
  await closed(origin.sockets[0]!);
  while (pool.stats().idle > 0) await new Promise((resolve) => setImmediate(resolve));
  expect(await send(pool).ended).toMatchObject({ status: 200, fault: null });
  expect(origin.sockets).toHaveLength(2);
});

test('a stale connection fails as unsent; a fresh one does not', async () => {
  let answers = 1;
  const origin = await rawOrigin((socket) => {
    onRequest(socket, () => (answers-- > 0 ? socket.write(OK) : socket.destroy()));
  });
  const pool = makePool(origin.port);
  await send(pool).ended;
  const stale = send(pool);
  expect(await stale.ended).toMatchObject({ fault: 'reset', unsent: true });
  expect(stale.reused).toBe(true);
  const fresh = send(pool);
  expect(await fresh.ended).toMatchObject({ fault: 'reset', unsent: false });
  expect(fresh.reused).toBe(false);
});

test('a reused connection that dies after its first byte was sent for good', async () => {
  let answers = 1;
  const origin = await rawOrigin((socket) => {
    onRequest(socket, () => (answers-- > 0 ? socket.write(OK) : socket.end('HTTP/1.1 100 Continue\r\n\r\n')));
  });
  const pool = makePool(origin.port);
  await send(pool).ended;
  expect(await send(pool).ended).toMatchObject({ fault: 'reset', unsent: false });
});

test('no more connections than max; the rest wait in order', async () => {
  const heads: string[] = [];
  const origin = await rawOrigin((socket) => {
    onRequest(socket, (head) => {
      heads.push(head.split(' ')[1]!);
      setImmediate(() => socket.write(OK));
    });
  });
  const pool = makePool(origin.port, { max: 2 });
  const attempts = Array.from({ length: 30 }, (_, i) => send(pool, { target: `/${i}` }));
  expect(pool.stats()).toEqual({ idle: 0, busy: 2, waiting: 28 });
  for (const attempt of attempts) expect(await attempt.ended).toMatchObject({ status: 200 });
  expect(origin.sockets).toHaveLength(2);
  expect(heads.map((target) => Number(target.slice(1))).sort((a, b) => a - b)).toEqual([...attempts.keys()]);
  expect(pool.stats()).toEqual({ idle: 2, busy: 0, waiting: 0 });
});

test('a waiting request that is cancelled is never sent', async () => {
  const heads: string[] = [];
  const origin = await rawOrigin((socket) => onRequest(socket, (head) => heads.push(head)));
  const pool = makePool(origin.port, { max: 1 });
  const first = send(pool, { target: '/first' });
  const cancelled = send(pool, { target: '/cancelled' });
  const last = send(pool, { target: '/last' });
  pool.cancel(cancelled);
  await first.opened;
  origin.sockets[0]!.write(OK);
  await first.ended;
  await last.opened;
  origin.sockets[0]!.write(OK);
  await last.ended;
  expect(heads.join('')).not.toContain('/cancelled');
  expect(cancelled.stream).toBeNull();
  expect(cancelled.over).toBe(false);
});

test('a request cancelled while its connection opens leaves the connection to the next', async () => {
  const origin = await replying(OK);
  const pool = makePool(origin.port, { max: 1 });
  const cancelled = send(pool);
  const next = send(pool);
  pool.cancel(cancelled);
  expect(await next.ended).toMatchObject({ status: 200 });
  expect(cancelled.stream).toBeNull();
  expect(origin.sockets).toHaveLength(1);
});

test('a waiting request gets a fresh connection when one dies', async () => {
  const origin = await rawOrigin((socket) => {
    onRequest(socket, (head) => (head.includes('/die') ? socket.destroy() : socket.write(OK)));
  });
  const pool = makePool(origin.port, { max: 1 });
  const dying = send(pool, { target: '/die' });
  const waiting = send(pool, { target: '/live' });
  expect(await dying.ended).toMatchObject({ fault: 'reset', unsent: false });
  expect(await waiting.ended).toMatchObject({ status: 200 });
  expect(waiting.reused).toBe(false);
});

test('beyond the queue a request is refused, but not before open returns', async () => {
  const origin = await rawOrigin(() => {});
  const pool = makePool(origin.port, { max: 1 });
  for (let i = 0; i < 1025; i++) send(pool);
  expect(pool.stats().waiting).toBe(1024);
  const cancelled = send(pool);
  const refused = send(pool);
  expect(refused.over).toBe(false);
  pool.cancel(cancelled);
  expect(await refused.ended).toMatchObject({ fault: 'pool_full', unsent: true });
  expect(cancelled.over).toBe(false);
});

test('close: idle connections end at once, running and waiting requests are served, new ones are not', async () => {
  const origin = await rawOrigin((socket) => {
    onRequest(socket, (head) => {
      if (head.includes('/now')) socket.write(OK);
    });
  });
  const pool = makePool(origin.port, { max: 2 });
  const idle = send(pool, { target: '/now' });
  const running = send(pool, { target: '/later' });
  await Promise.all([idle.ended, running.opened]);
  const waiters = [send(pool, { target: '/later' }), send(pool, { target: '/now' })];
  await waiters[0]!.opened;
  expect(pool.stats()).toEqual({ idle: 0, busy: 2, waiting: 1 });
  pool.close();
  for (const socket of origin.sockets) socket.write(OK);
  expect(await running.ended).toMatchObject({ status: 200 });
  for (const waiter of waiters) expect(await waiter.ended).toMatchObject({ status: 200 });
  expect(await send(pool).ended).toMatchObject({ fault: 'no_target', unsent: true });
  await Promise.all(origin.sockets.map(everything));
  expect(pool.stats()).toEqual({ idle: 0, busy: 0, waiting: 0 });
});

test('nobody listening is connect_refused, an unknown name is dns', async () => {
  const gone = await rawOrigin(() => {});
  const port = gone.port;
  const refused = makePool(1, { host: '127.0.0.1' });
  expect(await send(refused).ended).toMatchObject({ fault: 'connect_refused', unsent: true });
  const nowhere = makePool(port, { host: 'no-such-host.invalid' });
  expect(await send(nowhere).ended).toMatchObject({ fault: 'dns', unsent: true });
  const named = makePool((await replying(OK)).port, { host: 'localhost' });
  expect(await send(named).ended).toMatchObject({ status: 200 });
});

test('many requests at once, each gets its own reply', async () => {
  const origin = await rawOrigin((socket) => {
    onRequest(socket, (head) => {
      const body = head.split(' ')[1]!;
      socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
    });
  });
  const pool = makePool(origin.port, { max: 16 });
  for (let round = 0; round < 10; round++) {
    const attempts = Array.from({ length: 100 }, (_, i) => send(pool, { target: `/${round}-${i}` }));
    for (const [i, attempt] of attempts.entries()) expect((await attempt.ended).body).toBe(`/${round}-${i}`);
  }
  expect(origin.sockets).toHaveLength(16);
});
