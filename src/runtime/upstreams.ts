import type { GatewayConfig, UpstreamConfig } from '../contracts/config.ts';
import type { Keep, Upstream as UpstreamContract } from '../contracts/runtime.ts';
import type { Target } from '../contracts/transport.ts';
import type { TlsOptions } from '../upstream/h1/dial.ts';
import { H1Pool } from '../upstream/h1/pool.ts';
import { Upstream } from '../upstream/upstream.ts';
import { claimRules, deafRules, type RuleParts } from './attempt-rules.ts';

const POOL = 'pool';

/** Makes upstreams of a configuration; connection pools live on over reloads as long as nothing about them changed. */
export class Upstreams {
  readonly #keep: Keep;
  readonly #parts: RuleParts;

  constructor(keep: Keep, parts: RuleParts = deafRules) {
    this.#keep = keep;
    this.#parts = parts;
  }

  /** @returns The upstreams by id, and what gives their pools back. */
  claim(config: GatewayConfig): { upstreams: ReadonlyMap<string, UpstreamContract>; release: () => void } {
    const claimed: string[] = [];
    const upstreams = new Map<string, Upstream>();
    let releaseRules = () => {};
    const release = () => {
      for (const identity of claimed.splice(0)) this.#keep.release(POOL, identity);
      releaseRules();
    };
    try {
      for (const upstream of config.upstreams) upstreams.set(upstream.id, this.#make(upstream, claimed));
      releaseRules = claimRules(config, upstreams, this.#keep, this.#parts);
    } catch (error) {
      release();
      throw error;
    }
    return { upstreams, release };
  }

  #make(upstream: UpstreamConfig, claimed: string[]): Upstream {
    const { id, host } = upstream;
    const targets = upstream.targets.map(({ url, weight }): Target => {
      const { host: authority, hostname, port, protocol } = new URL(url);
      const secure = protocol === 'https:';
      const number = port === '' ? (secure ? 443 : 80) : Number(port);
      const options = {
        id: `${hostname}:${number}`,
        // An IPv6 literal has brackets in a URL and none in a socket address.
        host: hostname.replace(/^\[|\]$/g, ''),
        port: number,
        tls: secure ? tlsOptions(upstream.tls) : null,
        max: upstream.connections.max,
        idleMs: upstream.timeouts.idle,
      };
      const identity = JSON.stringify([id, options]);
      claimed.push(identity);
      const transport = this.#keep.use(POOL, identity, () => new H1Pool(options));
      return { id: options.id, authority, weight, transport };
    });
    return new Upstream(id, host === 'client' || host === 'target' ? host : { name: host }, targets);
  }
}

/** The loader has put the texts of files in their places. */
function tlsOptions(tls: UpstreamConfig['tls']): TlsOptions {
  const { ca, cert, key, serverName, verify } = tls ?? {};
  return { ca: text(ca), cert: text(cert), key: text(key), serverName, verify: verify ?? true };
}

function text(pem: NonNullable<UpstreamConfig['tls']>['ca']): string | undefined {
  if (typeof pem === 'object') throw new Error('a file reference reached the runtime unread');
  return pem;
}
