import { isIP } from 'node:net';
import type { UpstreamConfig } from '../contracts/config.ts';
import type { Keep } from '../contracts/runtime.ts';
import { Endpoint, endpointKey, type TargetSpec } from '../upstream/endpoint.ts';
import { H1Pool, type H1PoolOptions } from '../upstream/h1/pool.ts';
import { Load } from '../upstream/load.ts';
import { tlsOptions } from '../upstream/spec.ts';
import type { Endpoints } from '../upstream/upstream.ts';

const POOL = 'pool';
const LOAD = 'load';

/**
 * The endpoints of one upstream, made of parts that are kept: the connections as long as nothing about them changes,
 * what was learnt of an address as long as the upstream has it.
 */
export class KeptEndpoints implements Endpoints {
  readonly #keep: Keep;
  readonly #config: UpstreamConfig;
  readonly #claims = new Map<Endpoint, { readonly pool: string; readonly load: string }>();

  constructor(keep: Keep, config: UpstreamConfig) {
    this.#keep = keep;
    this.#config = config;
  }

  take(spec: TargetSpec, address: string | null, others: readonly string[]): Endpoint {
    const key = endpointKey(spec.id, address);
    const { id } = this.#config;
    const options = this.#poolOptions(spec, address, others);
    const pool = JSON.stringify([id, options]);
    const load = `${id} ${key}`;
    const transport = this.#keep.use(POOL, pool, () => new H1Pool(options));
    const endpoint = new Endpoint(
      spec,
      key,
      transport,
      this.#keep.use(LOAD, load, () => new Load()),
    );
    this.#claims.set(endpoint, { pool, load });
    return endpoint;
  }

  free(endpoint: Endpoint): void {
    const claim = this.#claims.get(endpoint);
    if (claim === undefined) return;
    this.#claims.delete(endpoint);
    this.#keep.release(POOL, claim.pool);
    this.#keep.release(LOAD, claim.load);
  }

  /** Gives all of them back. */
  close(): void {
    for (const endpoint of [...this.#claims.keys()]) this.free(endpoint);
  }

  #poolOptions(spec: TargetSpec, address: string | null, others: readonly string[]): H1PoolOptions {
    const { connections, timeouts } = this.#config;
    const tls = spec.secure ? tlsOptions(this.#config) : null;
    return {
      id: spec.id,
      host: address ?? spec.host,
      port: spec.port,
      // A name with addresses of both families nearly always means one machine, which may listen on one of them only.
      alternate: address === null ? undefined : others.find((other) => isIP(other) !== isIP(address)),
      // The certificate is made out to the name, whichever of its addresses is called.
      tls: tls === null ? null : { ...tls, serverName: tls.serverName ?? spec.host },
      max: connections.max,
      idleMs: timeouts.idle,
      pipelining: connections.pipelining,
    };
  }
}
