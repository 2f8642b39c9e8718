import { isDeepStrictEqual } from 'node:util';
import type { GatewayConfig } from '../contracts/config.ts';
import type { Runtime } from '../contracts/runtime.ts';
import { connectionLimit } from './descriptors.ts';
import type { Door } from './door.ts';
import type { Edge } from './edge.ts';
import { openEdge } from './open.ts';
import type { TlsSettings } from './tls.ts';

/**
 * All listeners of a worker; to its role they are one. A configuration is first prepared, which may fail
 * and changes nothing, then committed, which cannot fail.
 */
export class Listeners {
  readonly #blockWrite: boolean;
  readonly #runtime: () => Runtime;
  readonly #door: Door;
  readonly #warn: (line: string) => void;
  #edges: readonly Edge[] = [];
  #https: Edge | null = null;
  /** What the TLS listener serves with, and what is ready to take its place. */
  #tls: TlsSettings | null = null;
  #next: { readonly tls: TlsSettings; readonly renew: () => void } | null = null;

  constructor(blockWrite: boolean, runtime: () => Runtime, door: Door, warn: (line: string) => void) {
    this.#blockWrite = blockWrite;
    this.#door = door;
    this.#runtime = runtime;
    this.#warn = warn;
  }

  /** Makes the listeners, or other certificates for them. Throws when that is not possible. */
  prepare(config: GatewayConfig): void {
    if (this.#edges.length === 0) return this.#make(config);
    this.#next = null;
    const tls = tlsOf(config);
    // Nothing else of a listener changes without a restart.
    if (tls === null || this.#https === null || isDeepStrictEqual(tls, this.#tls)) return;
    this.#next = { tls, renew: this.#https.renew(tls) };
  }

  /** Serves with what was prepared last. */
  commit(): void {
    if (this.#next === null) return;
    this.#next.renew();
    this.#tls = this.#next.tls;
    this.#next = null;
  }

  /** HTTP implementations in use, for the log. */
  get kind(): string {
    return [...new Set(this.#edges.map(({ kind }) => kind))].join('+');
  }

  get connections(): number {
    return this.#edges.reduce((sum, { connections }) => sum + connections, 0);
  }

  listen(): Promise<void> {
    return Promise.all(this.#edges.map((edge) => edge.listen())).then(() => undefined);
  }

  stopListening(): void {
    for (const edge of this.#edges) edge.stopListening();
  }

  drained(done: () => void): void {
    let left = this.#edges.length;
    for (const edge of this.#edges)
      edge.drained(() => {
        if (--left === 0) done();
      });
  }

  close(): void {
    for (const edge of this.#edges) edge.close();
  }

  #make({ listen, limits }: GatewayConfig): void {
    const { http, https } = listen;
    const tls = tlsOf({ listen });
    const open = ({ host, port, edge }: typeof http, secure: TlsSettings | null): Edge =>
      openEdge(
        { kind: edge ?? 'uws', blockWrite: this.#blockWrite },
        {
          host,
          port,
          tls: secure,
          runtime: this.#runtime,
          headerBytes: limits.headerBytes,
          timeouts: { header: limits.headerTimeout, idle: limits.idleTimeout },
          maxConnections: Math.floor(connectionLimit() / (https === undefined ? 1 : 2)),
          door: this.#door,
          receiveBuffer: limits.receiveBuffer,
          warn: this.#warn,
        },
      );
    const secure = https === undefined ? null : open({ ...https, edge: https.edge ?? http.edge }, tls);
    this.#edges = [open(http, null), ...(secure === null ? [] : [secure])];
    this.#https = secure;
    this.#tls = tls;
  }
}

/** Null = no TLS listener. The rest of its settings is fixed with its port. */
function tlsOf({ listen: { https } }: Pick<GatewayConfig, 'listen'>): TlsSettings | null {
  if (https === undefined) return null;
  const { certificates, clientCa, clientCert, minVersion } = https;
  return { certificates, clientCa, clientCert, minVersion };
}
