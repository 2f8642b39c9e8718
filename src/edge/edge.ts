import type { Runtime } from '../contracts/runtime.ts';
import type { Door } from './door.ts';
import type { TlsSettings } from './tls.ts';

/** One listener of a worker, whichever HTTP implementation stands behind it. */
export interface Edge {
  readonly kind: 'uws' | 'node';
  /** Opens the port. Rejects when it cannot be opened. */
  listen(): Promise<void>;
  /** Takes no new connections; those that stand go on, and each answer ends its connection. */
  stopListening(): void;
  /** Open client connections. */
  readonly connections: number;
  /** Calls back once nothing is in flight and no connection has asked anything for a moment. After `stopListening`. */
  drained(done: () => void): void;
  /** Cuts what is left. */
  close(): void;
  /**
   * Of a TLS listener only: makes other certificates ready and throws when they cannot be used. The function
   * that it gives lets new connections use them; those that stand keep theirs to their end.
   */
  renew(tls: TlsSettings): () => void;
}

export interface EdgeOptions {
  readonly host: string;
  readonly port: number;
  /** Null = plain HTTP. */
  readonly tls: TlsSettings | null;
  /** The runtime that new exchanges begin with. */
  readonly runtime: () => Runtime;
  /** Milliseconds: for a client's first whole head, and of an idle or stalled connection. */
  readonly timeouts: { readonly header: number; readonly idle: number };
  /** Largest request head in bytes. */
  readonly headerBytes: number;
  /** Connections beyond this many are closed at once, so that file descriptors remain for upstreams. */
  readonly maxConnections: number;
  /** Bytes that the kernel may hold of each client connection; 0 = as the kernel likes. On uws only. */
  readonly receiveBuffer: number;
  /** Who may come in at all. */
  readonly door: Door;
  /** Takes a line for the operator. */
  readonly warn: (line: string) => void;
}
