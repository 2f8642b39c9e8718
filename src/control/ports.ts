import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';

/** `host:port` as people write it, IPv6 in brackets. */
export const addressOf = (host: string, port: number): string =>
  `${host.includes(':') ? `[${host}]` : host}:${port}`;

const REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'the port is in use',
  EACCES: 'this user may not open that port',
  EADDRNOTAVAIL: 'this machine does not have that address',
  ENOTFOUND: 'the host name is unknown',
};

/** The one line that an operator needs when a listener cannot be opened. */
export function cannotListen(host: string, port: number, error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const reason = REASONS[code] ?? (error instanceof Error ? error.message : String(error));
  return `cannot listen on ${addressOf(host, port)}: ${reason}`;
}

/**
 * Opens and closes the port without SO_REUSEPORT, so that two gateways never share one by accident, as
 * their workers' listeners would. Port 0 becomes a free port that all workers can then share.
 * Rejects with the reason as one line.
 */
export function probePort(host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error) => reject(new Error(cannotListen(host, port, error))));
    server.listen({ host, port, exclusive: true }, () => {
      const taken = (server.address() as AddressInfo).port;
      server.close(() => resolve(taken));
    });
  });
}
