import { randomInt } from 'node:crypto';
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

/** Below the ports that the kernel gives to connections (`net.ipv4.ip_local_port_range`), above those of services. */
const FREE = { from: 10_240, to: 32_767 };
const TRIES = 20;

/**
 * Opens and closes the port without SO_REUSEPORT, so that two gateways never share one by accident, as
 * their workers' listeners would. Port 0 becomes a free port that all workers can then share; one that no
 * connection of this machine is given before they have opened it.
 * Rejects with the reason as one line.
 */
export async function probePort(host: string, port: number): Promise<number> {
  for (let left = port === 0 ? TRIES : 0; left > 0; left--) {
    const candidate = randomInt(FREE.from, FREE.to + 1);
    const taken = await tryPort(host, candidate).catch(() => null);
    if (taken !== null) return taken;
  }
  return tryPort(host, port);
}

function tryPort(host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error) => reject(new Error(cannotListen(host, port, error))));
    server.listen({ host, port, exclusive: true }, () => {
      const taken = (server.address() as AddressInfo).port;
      server.close(() => resolve(taken));
    });
  });
}
