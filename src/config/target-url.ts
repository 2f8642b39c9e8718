import { isIPv4, isIPv6 } from 'node:net';
import { parseHost } from '../lib/host.ts';

/** The URL of a target, taken apart; or, as text, what is wrong with it. */
export interface TargetUrl {
  readonly scheme: 'http' | 'https';
  /** Lower case; an IPv6 address keeps its brackets. */
  readonly host: string;
  readonly port: number;
  /** `scheme://host:port`, the port left out only when it was left out. */
  readonly text: string;
}

const SHAPE = /^([a-z][a-z0-9+.-]*):\/\/([^/?#]*)(\/?)(.*)$/is;

/** Reads `http://host:port` or `https://host:port`. Stricter than the URL class, which repairs what it reads. */
export function parseTargetUrl(url: string): TargetUrl | string {
  const [, scheme = '', authority = '', , rest = ''] = SHAPE.exec(url) ?? [];
  const kind = scheme.toLowerCase();
  if (kind === '') return 'not a URL: write it as http://host:port';
  if (kind !== 'http' && kind !== 'https') return `${kind} is not spoken to targets: use http or https`;
  if (authority.includes('@')) return 'credentials do not belong into a URL: remove them';
  if (rest !== '')
    return 'a target has no path or query: end the URL after the port (see the rewrite policy)';
  const host = parseHost(authority);
  if (host === null || host === '') return 'not a host and port: write it as http://host:port';
  const portText = /:(\d*)$/.exec(authority)?.[1];
  if (portText === '' || Number(portText) === 0) return 'the port must be a number from 1 to 65535';
  const digits = /^[\d.]+$/.test(host);
  if (digits && !isIPv4(host)) return `"${host}" is not an IPv4 address: write four numbers up to 255`;
  if (host.startsWith('[') && !isIPv6(host.slice(1, -1))) return `"${host}" is not an IPv6 address`;
  return {
    scheme: kind,
    host,
    port: portText === undefined ? (kind === 'https' ? 443 : 80) : Number(portText),
    text: `${kind}://${host}${portText === undefined ? '' : `:${String(Number(portText))}`}`,
  };
}
