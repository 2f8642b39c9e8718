import { normaliseIp } from '../lib/cidr.ts';
import { flat } from '../lib/flat.ts';
import { parseHost } from '../lib/host.ts';
import { isRequestId } from '../lib/ids.ts';
import type { Exchange } from './exchange.ts';

/** What a trusted peer says about the client. Collected during one walk over the fields. */
export class Claims {
  forwardedFor = '';
  host = '';
  proto = '';
  requestId = '';

  reset(): void {
    this.forwardedFor = this.host = this.proto = this.requestId = '';
  }

  /** Notes the fields that the gateway writes itself; true = the field passes as it is. */
  keep(name: string, value: string): boolean {
    switch (name) {
      case 'x-forwarded-for':
        this.forwardedFor = this.forwardedFor === '' ? value : `${this.forwardedFor}, ${value}`;
        return false;
      case 'x-forwarded-host':
        if (this.host === '' && parseHost(value) !== null) this.host = value;
        return false;
      case 'x-forwarded-proto':
        if (this.proto === '' && (value === 'http' || value === 'https')) this.proto = value;
        return false;
      case 'x-request-id':
        if (this.requestId === '' && isRequestId(value)) this.requestId = value;
        return false;
      default:
        return true;
    }
  }
}

const SHORT = 64;

/** Believes a trusted peer: the client is the right-most address that is not itself trusted. */
export function applyTrusted(x: Exchange, claims: Claims): void {
  if (claims.requestId !== '') x.id = claims.requestId;
  if (claims.host !== '') x.forwardedHost = claims.host;
  if (claims.proto !== '') {
    x.forwardedProto = claims.proto;
    x.scheme = claims.proto as 'http' | 'https';
  }
  if (claims.forwardedFor === '') return;
  x.forwardedFor = `${claims.forwardedFor}, ${x.peer}`;
  const hops = claims.forwardedFor.split(',');
  for (let i = hops.length - 1; i >= 0; i--) {
    const ip = normaliseIp(hops[i]!.trim());
    // Whoever reports something that is no address is the last one that can be named.
    if (ip === null) return;
    // Kept in tables of limits: a piece of a long list would keep the list.
    x.ip = claims.forwardedFor.length > SHORT ? flat(ip) : ip;
    if (!x.runtime.trusts(ip)) return;
  }
}
