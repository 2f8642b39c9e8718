import type { Socket } from 'node:net';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Gateway } from '../support/gateway.ts';
import { startTcpOrigin, type Origin } from '../support/origin.ts';
import { connect } from '../support/raw.ts';
import { descriptors, EDGES, expectMetric, get, joined, startProxy, through } from './proxying.ts';

const BODY = 'x'.repeat(100_000);
const CHUNKED = ['5\r\nhello\r\n', '10\r\n0123456789abcdef\r\n', '0\r\n\r\n'].join('');

/** One connection to the origin: what came over it, and its end. */
interface Heard {
  text: string;
  readonly socket: Socket;
  readonly closed: Promise<void>;
}

describe.each(EDGES)('a client that leaves the %s edge', (edge) => {
  let gateway: Gateway;
  let origin: Origin;
  let heard: Heard[] = [];
  /** Called with each connection whenever something has come over it. */
  let hear: (connection: Heard) => void;
  let serial = 0;

  beforeAll(async () => {
    origin = await startTcpOrigin((socket) => {
      const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
      const connection: Heard = { text: '', socket, closed };
      heard.push(connection);
      socket.setEncoding('latin1').on('data', (text: string) => {
        connection.text += text;
        hear(connection);
      });
    });
    gateway = await startProxy(edge, joined([through('o', origin.port)]));
  });

  beforeEach(() => {
    heard = [];
    hear = () => undefined;
  });

  /** The connection over which a text has come to the origin. */
  const arrived = (text: string) =>
    new Promise<Heard>((resolve) => {
      hear = (connection) => {
        if (connection.text.includes(text)) resolve(connection);
      };
    });

  async function expectLeft(path: string) {
    expect(await gateway.waitForRequest({ path })).toMatchObject({
      status: 499,
      error: 'client_left',
      upstream: 'o',
    });
  }

  const LEAVES = [
    ['FIN', 'end'],
    ['RST', 'reset'],
  ] as const;

  describe.each(LEAVES)('with a %s', (_flag, leave) => {
    test.each([0, 1, 50_000, BODY.length - 1])('after %i bytes of a sized body', async (sent) => {
      const path = `/o/${++serial}`;
      const client = await connect(gateway.port);
      const seen = arrived(sent === 0 ? '\r\n\r\n' : '\r\n\r\nx');
      await client.send(`POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: ${BODY.length}\r\n\r\n`);
      if (sent > 0) await client.send(BODY.slice(0, sent));
      const connection = await seen;
      client[leave]();
      await connection.closed;
      await expectLeft(path);
      const body = connection.text.slice(connection.text.indexOf('\r\n\r\n') + 4);
      expect(connection.text).toMatch(new RegExp(`content-length: ${BODY.length}`, 'i'));
      expect(body.length).toBeLessThanOrEqual(sent);
      expect(heard).toHaveLength(1);
    });

    test.each(
      // The addon takes the line of the last chunk for the end, whatever follows it.
      [0, 1, 4, 8, 10, 12, 30, CHUNKED.length - 5, CHUNKED.length - 4],
    )('after %i bytes of a chunked body', async (sent) => {
      const path = `/o/${++serial}`;
      const client = await connect(gateway.port);
      const seen = arrived('\r\n\r\n');
      await client.send(`POST ${path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n`);
      const connection = await seen;
      if (sent > 0) await client.send(CHUNKED.slice(0, sent));
      client[leave]();
      await connection.closed;
      await expectLeft(path);
      expect(connection.text).not.toMatch(/(^|\r\n)0\r\n/);
      expect(heard).toHaveLength(1);
    });

    test('while it waits for the reply', async () => {
      const path = `/o/${++serial}`;
      const client = await connect(gateway.port);
      const seen = arrived('\r\n\r\n');
      await client.send(get(path));
      const connection = await seen;
      client[leave]();
      await connection.closed;
      await expectLeft(path);
    });

    test('in the middle of its download', async () => {
      const path = `/o/${++serial}`;
      const client = await connect(gateway.port);
      const seen = arrived('\r\n\r\n');
      await client.send(get(path));
      const { socket, closed } = await seen;
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n');
      const piece = Buffer.alloc(65_536);
      const pump = () => {
        while (!socket.destroyed && socket.write(piece));
      };
      socket.on('drain', pump);
      pump();
      await client.until(() => (client.received.length > 200_000 ? true : null));
      if (leave === 'end') client.destroy();
      else client.reset();
      await closed;
      await expectLeft(path);
    });
  });

  test('nothing is left of 500 of them', { timeout: 60_000 }, async () => {
    const [worker = 0] = gateway.workers();
    await expectMetric(gateway, 'sluice_active_requests', {}, 0);
    const round = async (at: number) => {
      const path = `/o/${++serial}`;
      const client = await connect(gateway.port);
      // The origin answers nothing, a part, or is in the middle of the request when the client goes.
      const kind = at % 3;
      hear = ({ text, socket }) => {
        if (text.includes('/part')) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello');
      };
      const before = heard.length;
      if (kind === 0) await client.send(get(path));
      else if (kind === 1) await client.send(get(`${path}/part`));
      else await client.send(`POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhi`);
      await expect.poll(() => heard[before]?.text ?? '', { interval: 1 }).toContain('\r\n\r\n');
      if (kind === 1) await client.until(() => (client.received.includes('hello') ? true : null));
      client.reset();
      await heard[before]!.closed;
    };
    for (let at = 0; at < 60; at++) await round(at);
    const rss = gateway.rss(worker);
    const files = descriptors(worker);
    for (let at = 0; at < 500; at++) await round(at);
    expect(heard).toHaveLength(560);
    await expectMetric(gateway, 'sluice_active_requests', {}, 0);
    await expectMetric(gateway, 'sluice_connections', {}, 0);
    expect(Math.abs(descriptors(worker) - files)).toBeLessThanOrEqual(3);
    expect(gateway.rss(worker) - rss).toBeLessThan(15_000_000);
  });
});
