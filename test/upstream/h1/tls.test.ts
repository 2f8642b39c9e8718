import { beforeAll, describe, expect, test } from 'vitest';
import type { TLSSocket } from 'node:tls';
import { createAuthority, type Authority, type Certificate } from '../../support/certs.ts';
import { makePool, onRequest, rawOrigin, replying, send } from './client.ts';

const OK = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok';

let authority: Authority;
let named: Certificate;
let addressed: Certificate;

beforeAll(async () => {
  authority = await createAuthority();
  named = await authority.issue('api.test');
  addressed = await authority.issue('127.0.0.1');
});

const serve = (certificate: Certificate, close = false) => {
  const { cert, key } = certificate;
  return replying(OK, close, { cert, key, ALPNProtocols: ['http/1.1'] });
};

describe('a certificate', () => {
  test('of a custom authority for serverName is accepted; SNI and ALPN are sent', async () => {
    const origin = await serve(named);
    const pool = makePool(origin.port, { tls: { ca: authority.cert, serverName: 'api.test' } });
    for (let i = 0; i < 3; i++) expect(await send(pool).ended).toMatchObject({ status: 200, body: 'ok' });
    expect(origin.sockets).toHaveLength(1);
    const socket = origin.sockets[0] as TLSSocket & { servername: string };
    expect([socket.servername, socket.alpnProtocol]).toEqual(['api.test', 'http/1.1']);
  });

  test('for the address is accepted when the host is one', async () => {
    const origin = await serve(addressed);
    const pool = makePool(origin.port, { tls: { ca: authority.cert } });
    expect(await send(pool).ended).toMatchObject({ status: 200 });
  });

  const bad: [string, () => Parameters<typeof makePool>[1]][] = [
    ['for another name', () => ({ tls: { ca: authority.cert, serverName: 'other.test' } })],
    ['for a name when the host is an address', () => ({ tls: { ca: authority.cert } })],
    ['of an unknown authority', () => ({ tls: { serverName: 'api.test' } })],
  ];
  test.each(bad)('%s is refused before a byte is sent', async (_name, options) => {
    let received = 0;
    const origin = await rawOrigin(
      (socket) => socket.on('data', (chunk: Buffer) => (received += chunk.length)),
      { cert: named.cert, key: named.key },
    );
    const pool = makePool(origin.port, options());
    expect(await send(pool).ended).toMatchObject({ fault: 'tls', unsent: true });
    expect(received).toBe(0);
    expect(pool.stats().busy).toBe(0);
  });

  test('of any kind is accepted with verify: false', async () => {
    const origin = await serve(named);
    const pool = makePool(origin.port, { tls: { verify: false, serverName: 'other.test' } });
    expect(await send(pool).ended).toMatchObject({ status: 200 });
  });
});

test('a client certificate is shown', async () => {
  const mine = await authority.issue('sluice.test');
  const { cert, key } = named;
  const origin = await replying(OK, false, { cert, key, ca: authority.cert, requestCert: true });
  const tls = { ca: authority.cert, serverName: 'api.test', cert: mine.cert, key: mine.key };
  expect(await send(makePool(origin.port, { tls })).ended).toMatchObject({ status: 200 });
  const socket = origin.sockets[0] as TLSSocket;
  expect(socket.getPeerCertificate().subject.CN).toBe('sluice.test');
});

test('sessions are resumed', async () => {
  const { cert, key } = named;
  const resumed: boolean[] = [];
  const origin = await rawOrigin(
    (socket) => {
      resumed.push((socket as TLSSocket).isSessionReused());
      onRequest(socket, () => socket.end(OK.replace('\r\n', '\r\nconnection: close\r\n')));
    },
    { cert, key },
  );
  const pool = makePool(origin.port, { tls: { ca: authority.cert, serverName: 'api.test' } });
  for (let i = 0; i < 3; i++) expect(await send(pool).ended).toMatchObject({ status: 200 });
  expect(origin.sockets).toHaveLength(3);
  expect(resumed.at(-1)).toBe(true);
});

test('a PEM text that is none is refused when the pool is made', () => {
  expect(() => makePool(1, { tls: { cert: 'nonsense', key: 'nonsense' } })).toThrow();
});

test('plain text where TLS is spoken is a TLS failure', async () => {
  const origin = await rawOrigin((socket) => socket.write(OK));
  expect(await send(makePool(origin.port, { tls: {} })).ended).toMatchObject({ fault: 'tls', unsent: true });
});

test('a peer that leaves during the handshake has not seen the request', async () => {
  const origin = await rawOrigin((socket) => socket.once('data', () => socket.destroy()));
  expect(await send(makePool(origin.port, { tls: {} })).ended).toMatchObject({
    fault: 'reset',
    unsent: true,
  });
});

test('large bodies pass both ways, paused now and then', async () => {
  const total = 20 * 1024 ** 2;
  const { cert, key } = named;
  const origin = await rawOrigin(
    (socket) => {
      let left = total;
      socket.on('data', (chunk: Buffer) => {
        left -= chunk.length;
        if (left > 0) return;
        left = Infinity;
        socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${total}\r\n\r\n`);
        socket.write(Buffer.alloc(total, 'y'));
      });
    },
    { cert, key },
  );
  const pool = makePool(origin.port, { tls: { ca: authority.cert, serverName: 'api.test' } });
  let wrong = 0;
  const attempt = send(pool, { method: 'POST', length: total }, {}, {
    data: (chunk) => {
      if (!chunk.every((byte) => byte === 0x79)) wrong += 1;
      attempt.stream!.pause();
      setImmediate(() => attempt.stream!.resume());
    },
  }); // prettier-ignore
  const stream = await attempt.opened;
  for (let sent = 0; sent < total;) {
    const piece = Buffer.alloc(1024 ** 2, 'x');
    sent += piece.length;
    const drains = attempt.drains;
    if (!stream.write(piece, sent === total))
      await attempt.until(() => attempt.over || attempt.drains > drains);
  }
  expect(await attempt.ended).toMatchObject({ status: 200, fault: null });
  expect([attempt.bytes, wrong]).toEqual([total, 0]);
});
