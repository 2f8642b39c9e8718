import type { UpstreamConfig } from '../contracts/config.ts';
import type { TargetSpec } from './endpoint.ts';
import type { TlsOptions } from './h1/dial.ts';

/** The targets of an upstream, their URLs taken apart. The loader has checked and normalised them. */
export function targetSpecs({ targets }: UpstreamConfig): TargetSpec[] {
  return targets.map(({ url, weight, priority, zone }) => {
    const { host: authority, hostname, port, protocol } = new URL(url);
    const secure = protocol === 'https:';
    const number = port === '' ? (secure ? 443 : 80) : Number(port);
    return {
      id: `${hostname}:${number}`,
      authority,
      // An IPv6 literal has brackets in a URL and none in a socket address.
      host: hostname.replace(/^\[|\]$/g, ''),
      port: number,
      secure,
      weight,
      priority,
      zone: zone ?? null,
    };
  });
}

/** How to speak TLS to the targets of an upstream. The loader has put the texts of files in their places. */
export function tlsOptions({ tls }: UpstreamConfig): TlsOptions {
  const { ca, cert, key, serverName, verify } = tls ?? {};
  return { ca: text(ca), cert: text(cert), key: text(key), serverName, verify: verify ?? true };
}

function text(pem: NonNullable<UpstreamConfig['tls']>['ca']): string | undefined {
  if (typeof pem === 'object') throw new Error('a file reference reached the runtime unread');
  return pem;
}
