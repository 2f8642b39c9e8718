import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ReplyReader } from '../../../src/upstream/h1/parse.ts';
import { blockText } from '../../support/block.ts';
import { makePool, rawOrigin, send } from './client.ts';

/** Feeds a reply in the given pieces, each in the same buffer, as sockets do. */
function read(pieces: Buffer[], bodyless = false) {
  const reader = new ReplyReader();
  reader.expect(bodyless);
  const buffer = Buffer.alloc(65_536, '#');
  let status = 0;
  let block = '';
  let body = '';
  for (const piece of pieces) {
    piece.copy(buffer);
    reader.feed(buffer, piece.length);
    if (reader.wrong !== '') return { status, block, body, wrong: true, done: false, keepAlive: false };
    if (reader.head !== null) {
      status = reader.head.status;
      block = blockText(reader.head.block());
    }
    body += Buffer.from(reader.piece).toString('latin1');
    if (reader.done) break;
    buffer.fill('#');
  }
  const { done, keepAlive } = reader;
  return { status, block, body, wrong: false, done, keepAlive };
}

const cut = (bytes: Buffer, cuts: number[]): Buffer[] => {
  const edges = [...new Set([0, ...cuts.map((at) => at % bytes.length), bytes.length])].sort((a, b) => a - b);
  return edges.slice(1).map((end, i) => bytes.subarray(edges[i], end));
};

const REPLIES: Record<string, string> = {
  sized:
    'HTTP/1.1 200 OK\r\nDate: x\r\nA: 1\r\nConnection: keep-alive, b\r\nB: 2\r\nContent-Length: 11\r\nC: 3\r\n\r\nhello world',
  chunked:
    'HTTP/1.1 103 Hints\r\nlink: a\r\n\r\nHTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\nDate: x\r\nE: f\r\n\r\n' +
    '5;x=y\r\nhello\r\n1\r\n \r\n5\r\nworld\r\n0\r\nt: u\r\n\r\n',
  empty: 'HTTP/1.1 404 Not Found\r\nkeep-alive: timeout=9\r\nx: y\r\ncontent-length: 0\r\n\r\n',
};

describe.each(Object.entries(REPLIES))('a reply (%s)', (_name, text) => {
  const bytes = Buffer.from(text, 'latin1');
  const whole = read([bytes]);

  test('is the same cut at any one place, and at every place', () => {
    expect(whole).toMatchObject({ wrong: false, done: true, keepAlive: true });
    for (let at = 1; at < bytes.length; at++) expect(read(cut(bytes, [at])), `cut at ${at}`).toEqual(whole);
    expect(read([...bytes].map((byte) => Buffer.from([byte])))).toEqual(whole);
  });

  test('is the same in any pieces', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(10_000), { maxLength: 12 }), (cuts) => {
        expect(read(cut(bytes, cuts))).toEqual(whole);
      }),
    );
  });

  test('with any byte changed never yields a byte that the origin did not send, in whatever pieces', () => {
    fc.assert(
      fc.property(
        fc.nat(10_000),
        fc.nat(255),
        fc.array(fc.nat(10_000), { maxLength: 5 }),
        (at, byte, cuts) => {
          fc.pre(byte !== 0x23);
          const changed = Buffer.from(bytes);
          changed[at % changed.length] = byte;
          const one = read([changed]);
          const many = read(cut(changed, cuts));
          // A fault in a line may show only at its end, so one of them may still be waiting for it.
          expect(many.done).toBe(one.done);
          if (!one.wrong && !many.wrong) expect(many).toEqual(one);
          for (const { block, body } of [one, many]) {
            expect(block + body).not.toContain('#');
            for (const line of block.split('\r\n')) expect(changed.toString('latin1')).toContain(line);
          }
        },
      ),
      { numRuns: 2000 },
    );
  });
});

test('chunks of any bodies decode to those bodies in any pieces', () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ minLength: 1, maxLength: 60 }), { maxLength: 8 }),
      fc.array(fc.nat(10_000), { maxLength: 12 }),
      (chunks, cuts) => {
        const framed = chunks.map((chunk) => [
          `${chunk.length.toString(16)}\r\n`,
          Buffer.from(chunk),
          '\r\n',
        ]);
        const bytes = Buffer.concat(
          ['HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n', ...framed.flat(), '0\r\n\r\n'].map(
            (part) => (typeof part === 'string' ? Buffer.from(part) : part),
          ),
        );
        const body = Buffer.concat(chunks).toString('latin1');
        expect(read(cut(bytes, cuts))).toMatchObject({ status: 200, body, done: true, keepAlive: true });
      },
    ),
  );
});

test('random bytes neither crash the reader nor pass for a reply', () => {
  const start = Buffer.from('HTTP/1.1 200 OK\r\n');
  const input = fc.tuple(
    fc.boolean(),
    fc.uint8Array({ maxLength: 300 }),
    fc.array(fc.nat(10_000), { maxLength: 5 }),
  );
  fc.assert(
    fc.property(input, ([genuine, noise, cuts]) => {
      const bytes = genuine ? Buffer.concat([start, noise]) : Buffer.from([0x48, ...noise]);
      const result = read(cut(bytes, cuts));
      if (!genuine) expect(result.status).toBe(0);
      expect(bytes.toString('latin1')).toContain(result.body);
    }),
    { numRuns: 2000 },
  );
});

test('a head sent byte by byte up to its limit costs time in proportion to its length', () => {
  const line = Buffer.from(`HTTP/1.1 200 OK\r\nx: ${'y'.repeat(65_000)}\r\n\r\n`);
  const started = performance.now();
  expect(read([...line].map((byte) => Buffer.from([byte])).slice(0, 65_000)).wrong).toBe(false);
  // Looking at the whole line again for every byte would be two thousand million steps.
  expect(performance.now() - started).toBeLessThan(5000);
});

test('over a real socket, byte by byte, a reply arrives whole', async () => {
  const bytes = Buffer.from(REPLIES.chunked!, 'latin1');
  const origin = await rawOrigin((socket) => {
    const drip = (at: number): void => {
      if (at < bytes.length) socket.write(bytes.subarray(at, at + 1), () => setImmediate(drip, at + 1));
    };
    socket.once('data', () => drip(0));
  });
  const pool = makePool(origin.port);
  expect(await send(pool).ended).toMatchObject({
    status: 201,
    body: 'hello world',
    block: 'E: f\r\n',
    fault: null,
  });
  expect(pool.stats()).toEqual({ idle: 1, busy: 0, waiting: 0 });
});
