import { setTimeout as wait } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { RawClient } from '../support/raw.ts';
import { describeEdges, head, PATIENCE } from './edge-support.ts';

const LENGTH = 16 << 20;
const PIECE = Buffer.alloc(1 << 20, 'x');

const BIG = Buffer.alloc(LENGTH / 2, '0123456789abcdef\n');

const limits = { bodyBytes: '100MB', bodyTimeout: '2s', idleTimeout: '4s' };
const small = { id: 'small', match: { paths: ['/small'] }, upstream: 'origin', bodyBytes: '1KB' };

const BODIES: Record<string, string> = {
  [`Content-Length: ${LENGTH}`]: '',
  'Transfer-Encoding: chunked': `${LENGTH.toString(16)}\r\n`,
};

/** What a client does once it has the reply. */
const AFTERWARDS: Record<string, (client: RawClient) => Promise<void>> = {
  'falls silent': () => Promise.resolve(),
  'sends the rest of its body, and nothing more': (client) => client.send('x'.repeat(995)),
  'goes on byte by byte': async (client) => {
    while (!client.closed) {
      await client.send('x');
      await wait(200);
    }
  },
};

describeEdges(
  'a reply that comes before the end of its request',
  {
    limits,
    routes: [small],
    answer: ({ url }, response) => void response.end(url === '/big' ? BIG : 'early'),
  },
  (edge) => {
    test.each(Object.entries(BODIES))(
      '%s: a client that sends all of it can read it then',
      async (field, start) => {
        for (const [path, status] of [
          ['/', 200],
          ['/small', 413],
        ] as const) {
          using client = await edge.connect();
          client.pause();
          await client.send(head(`POST ${path}`, field) + start);
          for (let sent = 0; sent < LENGTH; sent += PIECE.length) await client.send(PIECE);
          client.resume();
          expect(await client.reply('POST', PATIENCE)).toMatchObject({ status });
        }
      },
    );

    test.each([
      ['chunks that are whole', 'Transfer-Encoding: chunked', '5\r\nhello\r\n0\r\n\r\n'],
      ['chunks', 'Transfer-Encoding: chunked', '5\r\nhello\r\n'],
      ['a length', 'Content-Length: 10', 'hello'],
    ])('8 MB behind %s reach a client that reads late, to the last byte', async (_, field, body) => {
      using client = await edge.connect();
      client.pause();
      await client.send(head('POST /big', field) + body);
      await edge.arrived('/big');
      await wait(300);
      client.resume();
      expect((await client.reply('POST', PATIENCE)).body.equals(BIG)).toBe(true);
    });

    test('many chunks beyond the limit get one answer', async () => {
      const chunk = `400\r\n${'x'.repeat(1024)}\r\n`;
      const reply = await edge.ask(
        head('POST /small', 'Transfer-Encoding: chunked') + chunk.repeat(9),
        'POST',
      );
      expect(reply).toMatchObject({ status: 413 });
    });

    test('a client that asked for the end of the connection gets it once its body has come', async () => {
      using client = await edge.connect();
      await client.send(head('POST /', 'Content-Length: 10', 'Connection: close') + 'hello');
      const reply = await client.reply('POST', PATIENCE);
      expect(reply.body.toString()).toBe('early');
      expect(reply.get('connection')).toBe('close');
      await client.send('world');
      expect(await client.untilClosed(PATIENCE)).toHaveLength(0);
    });

    test('to HEAD, and one without a body, are as short as ever', async () => {
      for (const [method, path] of [
        ['HEAD', '/'],
        ['GET', '/'],
      ] as const) {
        const reply = await edge.ask(head(`${method} ${path}`, 'Content-Length: 10') + 'hello', method);
        expect(reply).toMatchObject({ status: 200 });
        expect(reply.body.toString()).toBe(method === 'HEAD' ? '' : 'early');
      }
    });

    test('a body of which all is there costs the connection nothing', async () => {
      using client = await edge.connect();
      for (let i = 0; i < 3; i++) {
        await client.send(head('POST /small', 'Content-Length: 1100') + 'x'.repeat(1100));
        expect((await client.reply('POST', PATIENCE)).get('connection')).not.toBe('close');
      }
    });

    test('no connection lives for ever, whatever its client does', async () => {
      const live = async (go: (client: RawClient) => Promise<void>) => {
        using client = await edge.connect();
        await client.send(head('POST /', 'Content-Length: 1000') + 'hello');
        expect((await client.reply('POST', PATIENCE)).body.toString()).toBe('early');
        await Promise.all([go(client), client.untilClosed(25_000)]);
      };
      await Promise.all(Object.values(AFTERWARDS).map(live));
    });
  },
);
