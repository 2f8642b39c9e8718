import type { Socket } from 'node:net';
import { describe, expect, test } from 'vitest';
import type { H1Pool } from '../../../src/upstream/h1/pool.ts';
import { makePool, onRequest, rawOrigin, send, type RawOrigin, type Recorder } from './client.ts';

const ok = (body: string): string => `HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
const pathOf = (head: string): string => head.split(' ')[1]!;

/** Requests of one turn of the loop, as many as there are paths. */
const burst = (pool: H1Pool, paths: readonly string[]): Recorder[] =>
  paths.map((target) => send(pool, { target }));

const bodies = async (attempts: readonly Recorder[]): Promise<string[]> =>
  Promise.all(attempts.map(async (each) => (await each.ended).body));

/** An origin that tells how many requests came in one read, and answers each by its path. */
async function echoing(): Promise<RawOrigin & { readonly reads: string[][] }> {
  const reads: string[][] = [];
  const origin = await rawOrigin((socket) => {
    let paths: string[] = [];
    onRequest(socket, (head) => paths.push(pathOf(head)));
    socket.on('data', () => {
      reads.push(paths);
      socket.write(paths.map(ok).join(''));
      paths = [];
    });
  });
  return { ...origin, reads };
}

/** A pool with one connection that has served. */
async function warm(origin: RawOrigin, options: Parameters<typeof makePool>[1] = {}): Promise<H1Pool> {
  const pool = makePool(origin.port, { pipelining: 8, ...options });
  await send(pool, { target: '/first' }).ended;
  return pool;
}

describe('who shares a connection', () => {
  test('requests of one turn go out in one write, and each gets its own reply', async () => {
    const origin = await echoing();
    const pool = await warm(origin);
    expect(await bodies(burst(pool, ['/a', '/b', '/c']))).toEqual(['/a', '/b', '/c']);
    expect(origin.reads).toEqual([['/first'], ['/a', '/b', '/c']]);
    expect(origin.sockets).toHaveLength(1);
    expect(pool.stats()).toEqual({ idle: 1, busy: 0, waiting: 0 });
  });

  test('no more of them than allowed', async () => {
    const origin = await echoing();
    const pool = await warm(origin, { pipelining: 2 });
    expect(await bodies(burst(pool, ['/a', '/b', '/c']))).toEqual(['/a', '/b', '/c']);
    expect(origin.reads.slice(1)).toContainEqual(['/a', '/b']);
    expect(origin.sockets).toHaveLength(2);
  });

  test('nobody without being asked for', async () => {
    const origin = await echoing();
    const pool = await warm(origin, { pipelining: 1 });
    await bodies(burst(pool, ['/a', '/b', '/c']));
    expect(origin.reads.every((paths) => paths.length === 1)).toBe(true);
    expect(origin.sockets).toHaveLength(3);
  });

  test('nobody over a connection that has not served yet', async () => {
    const origin = await echoing();
    const pool = makePool(origin.port, { pipelining: 8 });
    await bodies(burst(pool, ['/a', '/b']));
    expect(origin.sockets).toHaveLength(2);
  });

  test('a request of a later turn takes another connection', async () => {
    const waiting: (() => void)[] = [];
    const origin = await rawOrigin((socket) => {
      onRequest(socket, (head) => {
        if (pathOf(head) === '/slow') waiting.push(() => socket.write(ok('slow')));
        else socket.write(ok('quick'));
      });
    });
    const pool = await warm(origin);
    const slow = send(pool, { target: '/slow' });
    while (waiting.length === 0) await new Promise((resolve) => setImmediate(resolve));
    expect((await send(pool).ended).body).toBe('quick');
    waiting[0]!();
    expect((await slow.ended).body).toBe('slow');
    expect(origin.sockets).toHaveLength(2);
  });

  test.each([
    { method: 'POST', length: 0, explicitZero: true },
    { method: 'DELETE' },
    { method: 'PUT', length: 2 },
    { method: 'GET', length: 2 },
  ])('not $method with a body of $length', async (over) => {
    const origin = await rawOrigin((socket) => {
      let count = 0;
      onRequest(socket, () => {
        count++;
        setImmediate(() => {
          socket.write(ok(String(count)));
          count = 0;
        });
      });
    });
    const pool = await warm(origin);
    const body = {
      open: (stream: { write(chunk: Uint8Array, last: boolean): void }) => {
        if (over.length === 2) stream.write(Buffer.from('hi'), true);
      },
    };
    const attempts = [send(pool), send(pool, over, {}, body), send(pool)];
    const outcomes = await Promise.all(attempts.map((each) => each.ended));
    expect(outcomes.map((each) => each.fault)).toEqual([null, null, null]);
    // The two without may share; the third is alone on its connection.
    expect(outcomes[1]!.body).toBe('1');
    expect(attempts[1]!.stream).not.toBe(attempts[0]!.stream);
  });

  test('when there may be no more connections, also those of other turns, and those that wait', async () => {
    const origin = await echoing();
    const pool = await warm(origin, { max: 1, pipelining: 4 });
    const paths = Array.from({ length: 30 }, (_, i) => `/${i}`);
    expect(await bodies(burst(pool, paths))).toEqual(paths);
    expect(origin.sockets).toHaveLength(1);
    expect(origin.reads.length).toBeLessThan(15);
  });

  test('a request that must be alone is not overtaken for ever', async () => {
    const origin = await echoing();
    const pool = await warm(origin, { max: 1, pipelining: 4 });
    const order: string[] = [];
    const note = (attempt: Recorder, name: string) => attempt.ended.then(() => order.push(name));
    const all = [
      note(send(pool, { target: '/0' }), 'get 0'),
      note(send(pool, { method: 'DELETE' }), 'delete'),
    ];
    for (let i = 1; i < 9; i++) all.push(note(send(pool, { target: `/${i}` }), `get ${i}`));
    await Promise.all(all);
    // Those of its own turn may have been put before it.
    expect(order.indexOf('delete')).toBeLessThanOrEqual(4);
  });
});

describe('replies', () => {
  const REPLIES = [
    ['GET', ok('one'), 'one'],
    [
      'GET',
      'HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\nHTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\ntwo\r\n0\r\nx: y\r\n\r\n',
      'two',
    ],
    ['HEAD', 'HTTP/1.1 200 OK\r\ncontent-length: 5000\r\n\r\n', ''],
    ['GET', 'HTTP/1.1 304 Not Modified\r\netag: "x"\r\n\r\n', ''],
    ['GET', ok('five'), 'five'],
  ] as const;

  test('are told apart wherever the packets are cut', async () => {
    const whole = REPLIES.map(([, bytes]) => bytes).join('');
    for (let cut = 1; cut < whole.length; cut++) {
      let count = 0;
      const origin = await rawOrigin((socket) => {
        onRequest(socket, (head) => {
          if (pathOf(head) === '/first') return void socket.write(ok('first'));
          if (++count < REPLIES.length) return;
          socket.write(whole.slice(0, cut), () => setImmediate(() => socket.write(whole.slice(cut))));
        });
      });
      const pool = await warm(origin);
      const attempts = REPLIES.map(([method]) => send(pool, { method }));
      expect(await bodies(attempts)).toEqual(REPLIES.map(([, , body]) => body));
      expect(pool.stats()).toEqual({ idle: 1, busy: 0, waiting: 0 });
      pool.close();
    }
  }, 30_000);

  test('that nobody asked for end the connection', async () => {
    const origin = await rawOrigin((socket) => {
      let seen = 0;
      onRequest(socket, () => {
        seen++;
        // The second of a pair is answered twice.
        if (seen === 1) socket.write(ok('first'));
        if (seen === 3) socket.write(ok('a') + ok('b') + ok('forged'));
      });
    });
    const pool = await warm(origin);
    expect(await bodies(burst(pool, ['/a', '/b']))).toEqual(['a', 'b']);
    expect(pool.stats()).toEqual({ idle: 0, busy: 0, waiting: 0 });
  });

  test('that come before their request are not believed', async () => {
    const origin = await rawOrigin((socket) => {
      onRequest(socket, (head) => {
        if (pathOf(head) === '/first') socket.write(ok('first'));
        else if (origin.sockets.length === 1) socket.write(ok('honest') + ok('forged'));
        else socket.write(ok('true'));
      });
    });
    const pool = await warm(origin, { max: 1 });
    const first = send(pool, { target: '/a' });
    // Joins at the moment when the first reply is told: it has not been written when the forged one is read.
    const second = new Promise<string>((resolve) => {
      void first
        .until(() => first.head !== null)
        .then(async () => resolve((await send(pool, { target: '/b' }).ended).body));
    });
    expect((await first.ended).body).toBe('honest');
    expect(await second).toBe('true');
  });
});

/** Answers the first request of each connection, then lets `act` decide at the last of three. */
const trio = (act: (socket: Socket) => void) =>
  rawOrigin((socket) => {
    const own: string[] = [];
    onRequest(socket, (head) => {
      const path = pathOf(head);
      own.push(path);
      if (path === '/first' || own.length === 1) socket.write(ok(path));
      else if (own.length === 4) act(socket);
    });
  });

describe('trouble', () => {
  test.each([
    ['closes after the first', (socket: Socket) => socket.end(ok('/a'))],
    [
      'says so',
      (socket: Socket) => socket.end(`HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\n/a`),
    ],
    [
      'lets the first body end with the connection',
      (socket: Socket) => socket.end('HTTP/1.1 200 OK\r\n\r\n/a'),
    ],
  ])('an upstream that %s: the others are asked again, each on its own', async (_name, act) => {
    const origin = await trio(act);
    const pool = await warm(origin);
    const [first, second, third] = burst(pool, ['/a', '/b', '/c']);
    expect((await first!.ended).body).toBe('/a');
    // The one whose turn it was is told, as with any stale connection; the last never heard of the first connection.
    const told = await second!.ended;
    expect([told.fault, told.body, told.unsent]).toEqual(
      told.fault === null ? [null, '/b', false] : ['reset', '', true],
    );
    expect((await third!.ended).body).toBe('/c');
  });

  test('one that cut pipelined requests gets none for a while', async () => {
    const origin = await rawOrigin((socket) => {
      let own = 0;
      onRequest(socket, (head) => {
        own++;
        if (origin.sockets.length > 1 || own === 1) socket.write(ok(pathOf(head)));
        else if (own === 4) socket.resetAndDestroy();
      });
    });
    const pool = await warm(origin);
    await Promise.all(burst(pool, ['/a', '/b', '/c']).map((each) => each.ended));
    const before = origin.sockets.length;
    expect(await bodies(burst(pool, ['/d', '/e', '/f', '/g']))).toEqual(['/d', '/e', '/f', '/g']);
    expect(origin.sockets.length).toBeGreaterThan(before);
  });

  test('a client that leaves takes nothing from the others', async () => {
    let answer = (): void => undefined;
    const origin = await trio((socket) => (answer = () => socket.write(ok('/a') + ok('/b') + ok('/c'))));
    const pool = await warm(origin);
    const [first, second, third] = burst(pool, ['/a', '/b', '/c']);
    while (first!.stream === null || origin.sockets.length === 0) await new Promise((r) => setImmediate(r));
    pool.cancel(second!);
    await new Promise((resolve) => setTimeout(resolve, 50));
    answer();
    expect((await first!.ended).body).toBe('/a');
    expect((await third!.ended).body).toBe('/c');
    expect(second!.over).toBe(false);
  });

  test('and is no reason to pipeline no more', async () => {
    const reads: number[] = [];
    let hold = true;
    let answer = (): void => undefined;
    const origin = await rawOrigin((socket) => {
      let paths: string[] = [];
      onRequest(socket, (head) => paths.push(pathOf(head)));
      socket.on('data', () => {
        reads.push(paths.length);
        const text = paths.map(ok).join('');
        if (paths.length === 3 && hold) answer = () => socket.write(text);
        else socket.write(text);
        paths = [];
      });
    });
    const pool = await warm(origin);
    const [first, second, third] = burst(pool, ['/a', '/b', '/c']);
    while (reads.at(-1) !== 3) await new Promise((resolve) => setImmediate(resolve));
    pool.cancel(second!);
    hold = false;
    answer();
    expect(await bodies([first!, third!])).toEqual(['/a', '/c']);
    expect(await bodies(burst(pool, ['/d', '/e', '/f']))).toEqual(['/d', '/e', '/f']);
    expect(reads.at(-1)).toBe(3);
  });

  test('one that leaves in the middle of its reply, neither', async () => {
    const origin = await trio((socket) => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf'));
    const pool = await warm(origin);
    const [first, second, third] = burst(pool, ['/a', '/b', '/c']);
    await first!.until(() => first!.head !== null);
    first!.stream!.abort();
    expect(await bodies([second!, third!])).toEqual(['/b', '/c']);
  });

  test('time runs out for each by itself', async () => {
    let answer = (): void => undefined;
    const origin = await trio((socket) => (answer = () => socket.write(ok('/a'))));
    const pool = await warm(origin);
    const soon = performance.now() + 150;
    const first = send(pool, { target: '/a' });
    const second = send(pool, { target: '/b' }, {}, {}, soon);
    const third = send(pool, { target: '/c' });
    expect(await second.ended).toMatchObject({ fault: 'reply_timeout', unsent: false });
    expect(first.over).toBe(false);
    answer();
    expect(await bodies([first, third])).toEqual(['/a', '/c']);
  });

  test('a reply that is late for the first is late for it alone', async () => {
    const origin = await trio(() => undefined);
    const pool = await warm(origin);
    const first = send(pool, { target: '/a' }, { firstByte: 150 });
    const others = burst(pool, ['/b', '/c']);
    expect(await first.ended).toMatchObject({ fault: 'reply_timeout' });
    expect(await bodies(others)).toEqual(['/b', '/c']);
  });
});
