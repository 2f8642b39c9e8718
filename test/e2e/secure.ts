import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { request, type RequestOptions } from 'node:https';
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { atEnd } from '../support/cleanup.ts';
import type { Gateway } from '../support/gateway.ts';

/** Port of the TLS listener. */
export async function securePort(gateway: Gateway): Promise<number> {
  const line = await gateway.waitForLine(({ msg }) => msg === 'listening');
  return Number(new URL(String(line['https'])).port);
}

/** A TLS connection to that port, its handshake done; rejects when there is none. */
export async function handshake(port: number, options: ConnectionOptions): Promise<TLSSocket> {
  const socket = connectTls({ host: '127.0.0.1', port, ...options });
  atEnd(() => void socket.destroy());
  await once(socket, 'secureConnect');
  // What happens later is the test's business.
  socket.on('error', () => undefined);
  return socket;
}

/** Common name of the server's certificate. */
export const commonName = (socket: TLSSocket): string => String(socket.getPeerCertificate().subject.CN);

export interface Answer {
  readonly status: number;
  readonly body: Buffer;
  readonly headers: IncomingMessage['headers'];
  /** Common name of the certificate that was shown. */
  readonly certificate: string;
}

/** One request; on a connection of its own unless an agent is given. */
export async function ask(
  port: number,
  servername: string,
  options: RequestOptions & { readonly send?: Uint8Array } = {},
): Promise<Answer> {
  const { send, ...rest } = options;
  const out = request({
    host: '127.0.0.1',
    port,
    servername,
    agent: false,
    ...rest,
    headers: { host: servername, ...rest.headers },
  });
  out.end(send);
  const [reply] = (await once(out, 'response')) as [IncomingMessage];
  const certificate = commonName(reply.socket as TLSSocket);
  const chunks: Buffer[] = [];
  for await (const chunk of reply) chunks.push(chunk as Buffer);
  return { status: reply.statusCode ?? 0, body: Buffer.concat(chunks), headers: reply.headers, certificate };
}
