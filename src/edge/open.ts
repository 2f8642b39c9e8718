import { loadAddon } from './addon.ts';
import type { Edge, EdgeOptions } from './edge.ts';
import { NodeEdge } from './node.ts';
import { UwsEdge } from './uws.ts';

/** Which HTTP implementation serves, as the primary's self-test found it. */
export interface EdgeKind {
  readonly kind: 'uws' | 'node';
  /** Whether uWebSockets.js writes a block of fields given as one value as it is. */
  readonly blockWrite: boolean;
}

/** Makes a listener; `listen` opens it. */
export function openEdge({ kind, blockWrite }: EdgeKind, options: EdgeOptions): Edge {
  if (kind === 'node') return new NodeEdge(options);
  return new UwsEdge(loadAddon({ headerBytes: options.headerBytes }), options, blockWrite);
}
