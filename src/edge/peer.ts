import { normaliseIp } from '../lib/cidr.ts';
import type { UwsResponse } from './uws-types.ts';

const KNOWN_MAX = 10_000;
const known = new Map<number, string>();

/**
 * Addresses of the peers of one listener. The addon asks the kernel at every call and wraps the answer in a buffer of
 * its own, a tenth of what a proxied request costs. As long as every open connection has the same peer, as behind
 * one load balancer, the answer is known: each connection was asked for when it opened.
 */
export class Peers {
  readonly #counted: boolean;
  #open = 0;
  #sole = '';

  /** @param counted Whether the addon tells exactly once that a connection opened and that it closed. */
  constructor(counted: boolean) {
    this.#counted = counted;
  }

  /** A connection opened. */
  opened(res: UwsResponse): void {
    if (!this.#counted) return;
    const peer = ask(res);
    if (this.#open === 0) this.#sole = peer;
    else if (peer !== this.#sole) this.#sole = '';
    this.#open++;
  }

  /** One closed; the addon does not tell whose. */
  closed(): void {
    this.#open--;
  }

  /** Text of the peer of a request. */
  of(res: UwsResponse): string {
    return this.#sole === '' ? ask(res) : this.#sole;
  }
}

/** In binary, because that costs less; the texts of IPv4 addresses are remembered. */
function ask(res: UwsResponse): string {
  const bytes = new Uint8Array(res.getRemoteAddress());
  if (bytes.length !== 4)
    return normaliseIp(Buffer.from(res.getRemoteAddressAsText()).toString('latin1')) ?? 'unknown';
  const key = (bytes[0]! << 24) | (bytes[1]! << 16) | (bytes[2]! << 8) | bytes[3]!;
  let text = known.get(key);
  if (text === undefined) {
    // Hostile variety costs a rebuild now and then, never memory.
    if (known.size >= KNOWN_MAX) known.clear();
    text = `${bytes[0]!}.${bytes[1]!}.${bytes[2]!}.${bytes[3]!}`;
    known.set(key, text);
  }
  return text;
}
