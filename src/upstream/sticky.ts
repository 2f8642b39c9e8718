import { createHmac } from 'node:crypto';
import type { Attempt, Exchange } from '../contracts/exchange.ts';
import type { ReplyHead } from '../contracts/http.ts';
import { cookieValue } from '../lib/cookie.ts';
import type { Endpoint } from './endpoint.ts';

/** Bytes of a cookie value: nobody can guess, but clients need no proof against anything. */
const VALUE_BYTES = 12;

/** Keeps each client at the target that served it first, by a cookie that tells nothing of the target. */
export class Sticky {
  readonly #cookie: string;
  readonly #secret: string;
  readonly #upstream: string;
  readonly #byValue = new Map<string, Endpoint>();
  readonly #values = new WeakMap<Endpoint, string>();

  constructor(cookie: string, secret: string, upstream: string) {
    this.#cookie = cookie;
    this.#secret = secret;
    this.#upstream = upstream;
  }

  /** From now on these may be gone back to. */
  use(endpoints: readonly Endpoint[]): void {
    this.#byValue.clear();
    for (const endpoint of endpoints) this.#byValue.set(this.#valueOf(endpoint), endpoint);
  }

  /** The target that the client's cookie names, when it is one to go back to. */
  recall(x: Exchange): Endpoint | null {
    const value = cookieValue(x.fields('cookie'), this.#cookie);
    return value === undefined ? null : (this.#byValue.get(value) ?? null);
  }

  /** Gives the client its cookie, unless it has the right one. */
  stamp({ exchange, target }: Attempt, head: ReplyHead): void {
    const value = this.#valueOf(target as Endpoint);
    if (cookieValue(exchange.fields('cookie'), this.#cookie) === value) return;
    const secure = exchange.scheme === 'https' ? '; Secure' : '';
    head.add('set-cookie', `${this.#cookie}=${value}; Path=/; HttpOnly; SameSite=Lax${secure}`);
  }

  #valueOf(endpoint: Endpoint): string {
    let value = this.#values.get(endpoint);
    if (value === undefined) {
      const mac = createHmac('sha256', this.#secret).update(`${this.#upstream} ${endpoint.key}`).digest();
      value = mac.subarray(0, VALUE_BYTES).toString('base64url');
      this.#values.set(endpoint, value);
    }
    return value;
  }
}
