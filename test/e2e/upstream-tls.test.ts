import { once } from 'node:events';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { beforeAll, describe, expect, test } from 'vitest';
import { createAuthority } from '../support/certs.ts';
import { atEnd } from '../support/cleanup.ts';
import type { Gateway } from '../support/gateway.ts';
import { startTcpOrigin } from '../support/origin.ts';
import { EDGES, joined, startProxy, through } from './proxying.ts';

interface Seen {
  readonly sni: string | false;
  readonly client: string | undefined;
  readonly reused: boolean;
}

describe.each(EDGES)('a TLS upstream behind the %s edge', (edge) => {
  let gateway: Gateway;
  const seen: Seen[] = [];

  async function listen(server: Server): Promise<number> {
    await once(server.listen(0, '127.0.0.1'), 'listening');
    atEnd(() => {
      server.closeAllConnections();
      server.close();
    });
    return (server.address() as AddressInfo).port;
  }

  beforeAll(async () => {
    const [authority, stranger] = await Promise.all([createAuthority(), createAuthority()]);
    const [good, own, client] = await Promise.all([
      authority.issue('shop.example', '127.0.0.1'),
      stranger.issue('shop.example', '127.0.0.1'),
      authority.issue('gateway.example'),
    ]);
    const asks = { requestCert: true, rejectUnauthorized: false, ca: authority.cert };
    const port = await listen(
      createServer({ ...good, ...asks }, (request, response) => {
        const socket = request.socket as TLSSocket & { servername: string | false };
        const subject = socket.getPeerCertificate().subject as { CN?: string } | undefined;
        seen.push({ sni: socket.servername, client: subject?.CN, reused: socket.isSessionReused() });
        response.end('secret');
      }),
    );
    const wrong = await listen(createServer({ ...own }, (_request, response) => response.end('secret')));
    const plain = await startTcpOrigin((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
    const at = (number: number) => ({ targets: [{ url: `https://127.0.0.1:${number}` }] });
    const ca = authority.cert;
    const { certFile: cert, keyFile: key } = client;
    gateway = await startProxy(
      edge,
      joined([
        through('good', 0, { ...at(port), tls: { ca } }),
        through('file', 0, { ...at(port), tls: { ca: { file: authority.certFile } } }),
        through('named', 0, { ...at(port), tls: { ca, serverName: 'shop.example' } }),
        through('mutual', 0, { ...at(port), tls: { ca, cert: { file: cert }, key: { file: key } } }),
        through('misnamed', 0, { ...at(port), tls: { ca, serverName: 'other.example' } }),
        through('builtin', 0, at(port)),
        through('stranger', 0, { ...at(wrong), tls: { ca } }),
        through('anyone', 0, { ...at(wrong), tls: { verify: false } }),
        through('plain', 0, { ...at(plain.port), tls: { ca } }),
      ]),
    );
  });

  test.each([
    ['a certificate of the given authority', 'good', { sni: false, client: undefined }],
    ['the authority in a file', 'file', { sni: false }],
    ['the given name is sent and checked', 'named', { sni: 'shop.example' }],
    ['our own certificate is shown', 'mutual', { client: 'gateway.example' }],
  ])('%s', async (_name, upstream, expected) => {
    seen.length = 0;
    const reply = await fetch(`${gateway.url}/${upstream}`);
    expect([reply.status, await reply.text()]).toEqual([200, 'secret']);
    expect(seen[0]).toMatchObject(expected);
  });

  test('whoever is accepted when nothing is verified', async () => {
    expect(await (await fetch(`${gateway.url}/anyone`)).text()).toBe('secret');
  });

  test.each([
    ['has another name', 'misnamed'],
    ['is of an authority that nobody trusts', 'builtin'],
    ['is of another authority', 'stranger'],
  ])('no request reaches an upstream whose certificate %s', async (_name, upstream) => {
    seen.length = 0;
    const path = `/${upstream}/x`;
    const reply = await fetch(`${gateway.url}${path}`, { method: 'POST', body: 'mine' });
    expect(reply.status).toBe(502);
    expect(reply.headers.get('proxy-status')).toBe('sluice; error=tls_certificate_error');
    expect(await reply.json()).toMatchObject({ type: 'urn:sluice:problem:tls' });
    expect(await gateway.waitForRequest({ path })).toMatchObject({ status: 502, error: 'tls' });
    expect(seen).toEqual([]);
  });

  test('an upstream that does not speak TLS', async () => {
    const reply = await fetch(`${gateway.url}/plain`);
    expect(reply.status).toBe(502);
    expect(await reply.json()).toMatchObject({ type: 'urn:sluice:problem:tls' });
  });
});
