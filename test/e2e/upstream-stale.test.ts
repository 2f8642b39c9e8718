import type { Socket } from 'node:net';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Gateway } from '../support/gateway.ts';
import type { Origin } from '../support/origin.ts';
import { connect } from '../support/raw.ts';
import { EDGES, expectMetric, get, joined, startProxy, startRawOrigin, through } from './proxying.ts';

const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

/** An origin that serves each connection once and closes it the moment another request arrives there. */
describe.each(EDGES)('a pooled connection that closes as the request arrives (%s edge)', (edge) => {
  let gateway: Gateway;
  let origin: Origin;
  let served: string[] = [];
  let closedOn: string[] = [];
  let close: (socket: Socket) => void;

  beforeAll(async () => {
    const used = new Set<Socket>();
    origin = await startRawOrigin((head, socket) => {
      const line = head.split(' ').slice(0, 2).join(' ');
      if (used.has(socket)) {
        closedOn.push(line);
        close(socket);
        return;
      }
      used.add(socket);
      served.push(line);
      socket.write(line.startsWith('HEAD') ? ok.slice(0, -2) : ok);
    });
    gateway = await startProxy(edge, joined([through('o', origin.port)]));
  });

  beforeEach(() => {
    served = [];
    closedOn = [];
    close = (socket) => void socket.resetAndDestroy();
  });

  /** Uses up what is pooled, fills the pool again, then asks. */
  async function askTwice(second: string, method = 'GET') {
    const client = await connect(gateway.port);
    await client.send(get('/o/first'));
    expect((await client.reply()).status).toBe(200);
    await client.send(second);
    return client.reply(method);
  }

  test.each(['GET', 'HEAD', 'DELETE', 'OPTIONS'])('%s is repeated once and succeeds', async (method) => {
    for (const each of [(s: Socket) => void s.resetAndDestroy(), (s: Socket) => void s.end()]) {
      close = each;
      served = [];
      closedOn = [];
      const reply = await askTwice(get('/o/second', method), method);
      expect(reply.status).toBe(200);
      expect(served.filter((line) => line.endsWith('second'))).toEqual([`${method} /o/second`]);
      expect(closedOn).toHaveLength(1);
      // The connection that is left would be stale for the next round: let it close.
      const client = await connect(gateway.port);
      await client.send(get('/o/spent', 'POST').replace('\r\n\r\n', '\r\nContent-Length: 0\r\n\r\n'));
      await client.reply();
    }
    expect(await gateway.waitForRequest({ path: '/o/second' })).toMatchObject({ attempts: 2, status: 200 });
    if (method === 'GET')
      await expectMetric(gateway, 'sluice_retries_total', { upstream: 'o', outcome: 'ok' }, 2);
  });

  test('POST is never repeated, with a body or without', async () => {
    for (const tail of ['Content-Length: 0\r\n\r\n', 'Content-Length: 2\r\n\r\nhi']) {
      const reply = await askTwice(`POST /o/second HTTP/1.1\r\nHost: x\r\n${tail}`);
      expect(reply.status).toBe(502);
      expect(reply.get('proxy-status')).toBe('sluice; error=connection_terminated');
    }
    expect(served.filter((line) => line.startsWith('POST'))).toEqual([]);
    expect(closedOn).toEqual(['POST /o/second', 'POST /o/second']);
    expect(await gateway.waitForRequest({ method: 'POST' })).toMatchObject({ attempts: 1, error: 'reset' });
  });

  test('nor is what fails on a fresh connection', async () => {
    const angry = await startRawOrigin((head, socket) => {
      served.push(head.split(' ')[1]!);
      socket.destroy();
    });
    const other = await startProxy(edge, joined([through('o', angry.port)]));
    const client = await connect(other.port);
    await client.send(get('/o/fresh'));
    expect((await client.reply()).status).toBe(502);
    expect(served).toEqual(['/o/fresh']);
  });

  test('a connection that the origin closed while it rested is not used', async () => {
    const sockets: Socket[] = [];
    const brief = await startRawOrigin((_head, socket) => {
      sockets.push(socket);
      socket.write(ok);
    });
    const other = await startProxy(edge, joined([through('o', brief.port)]));
    const client = await connect(other.port);
    await client.send(get('/o/1'));
    expect((await client.reply()).status).toBe(200);
    const gone = new Promise((resolve) => sockets[0]!.once('close', resolve));
    sockets[0]!.end();
    await gone;
    await client.send('POST /o/2 HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi');
    expect((await client.reply()).status).toBe(200);
    expect(brief.connections).toBe(2);
  });
});
