import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Socket } from 'node:net';
import { makePool, onRequest, rawOrigin, send, type Recorder } from './client.ts';

/** What a hostile origin may do with a request; the target says which. The body names the target. */
const ACTS: Record<string, (socket: Socket, body: string) => void> = {
  sized: (socket, body) => socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n${body}`),
  chunked: (socket, body) =>
    socket.write(
      `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`,
    ),
  split: (socket, body) => {
    socket.write(`HTTP/1.1 103 x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Len`);
    setImmediate(() => socket.write(`gth: ${body.length}\r\n\r\n${body}`));
  },
  untilClose: (socket, body) => socket.end(`HTTP/1.1 200 OK\r\n\r\n${body}`),
  surplus: (socket, body) =>
    socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n${body}HTTP/1.1 200 Evil\r\n\r\n`),
  late: (socket, body) => {
    socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
    setImmediate(() => socket.write('HTTP/1.1 500 Evil\r\ncontent-length: 4\r\n\r\nevil'));
  },
  cut: (socket, body) => socket.end(`HTTP/1.1 200 OK\r\ncontent-length: 9999\r\n\r\n${body}`),
  garbage: (socket) => socket.write('\0\x01garbage\r\n\r\n'),
  reset: (socket) => socket.resetAndDestroy(),
  close: (socket) => socket.end(),
};

test('whatever an origin does and a caller wants, every attempt ends once and nobody gets a stranger’s reply', async () => {
  const origin = await rawOrigin((socket) => {
    onRequest(socket, (head) => {
      const target = head.split(' ')[1]!;
      if (!socket.destroyed && socket.writable) ACTS[target.split('/')[1]!]!(socket, target);
    });
  });
  const wish = fc.constantFrom('wait', 'wait', 'wait', 'pause', 'abort', 'cancel');
  const plan = fc.array(fc.tuple(fc.constantFrom(...Object.keys(ACTS)), wish), {
    minLength: 1,
    maxLength: 40,
  });
  let count = 0;
  await fc.assert(
    fc.asyncProperty(plan, fc.integer({ min: 1, max: 6 }), async (steps, max) => {
      const pool = makePool(origin.port, { max });
      const waits = steps.map(async ([act, wish]) => {
        const target = `/${act}/${(count += 1)}`;
        const attempt: Recorder = send(pool, { target }, { idle: 2000, firstByte: 2000 }, pausing(wish));
        if (wish === 'cancel' && attempt.stream === null) return pool.cancel(attempt);
        if (wish === 'abort') return void (await attempt.opened).abort();
        const outcome = await attempt.ended;
        if (outcome.fault !== null) return expect(act).not.toBe('untilClose');
        // What comes late may be taken for the reply to the next request: no client can know better.
        if (outcome.status !== 500) expect(outcome.body).toBe(target);
      });
      await Promise.all(waits);
      pool.close();
      while (pool.stats().busy > 0) await new Promise((resolve) => setImmediate(resolve));
      expect(pool.stats()).toEqual({ idle: 0, busy: 0, waiting: 0 });
    }),
    { numRuns: 60 },
  );

  function pausing(wish: string): Recorder['on'] {
    if (wish !== 'pause') return {};
    return {
      open: (stream) => {
        stream.pause();
        setImmediate(() => stream.resume());
      },
    };
  }
});
