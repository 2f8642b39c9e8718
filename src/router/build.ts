import { isOpen, isParam, paramNames, segmentsOf } from './pattern.ts';
import { draftOf, rank, type Draft } from './rank.ts';
import type { Entry, Leaf, Node, Paths, Table } from './table.ts';

/** The table's shapes while they are still written to. */
type Open<V> = { -readonly [K in keyof V]: V[K] };
type OpenLeaf<T> = Open<Leaf<T>>;

interface OpenNode<T> extends Open<Node<T>> {
  literal: Map<string, OpenNode<T>> | null;
  param: OpenNode<T> | null;
  rest: OpenLeaf<T> | null;
  leaf: OpenLeaf<T> | null;
}

interface OpenPaths<T> extends Open<Paths<T>> {
  literal: Map<string, OpenLeaf<T>>;
  root: OpenNode<T> | null;
}

/**
 * Arranges routes for lookup. Entries come in file order, validated: lower-case hosts, checked patterns,
 * upper-case methods. Time and memory grow with the sum over routes of hosts × paths.
 */
export function buildTable<T>(entries: readonly Entry<T>[]): Table<T> {
  const exact = new Map<string, OpenPaths<T>>();
  const wildcard = new Map<string, OpenPaths<T>>();
  const any = newPaths<T>();
  const pathsOf = (host: string): OpenPaths<T> =>
    host.startsWith('*.') ? take(wildcard, host.slice(1), newPaths<T>) : take(exact, host, newPaths<T>);

  const drafts = new Map<OpenLeaf<T>, Draft<T>[]>();
  const lists = new Map<string, readonly string[]>();
  for (const entry of entries) {
    const draft = draftOf(entry, lists);
    const homes = entry.hosts.length === 0 ? [any] : entry.hosts.map(pathsOf);
    for (const paths of homes)
      for (const pattern of entry.paths) take(drafts, leafOf(paths, pattern), () => []).push(draft);
  }
  for (const [leaf, ranked] of drafts) Object.assign(leaf, rank(ranked));
  for (const { root } of [...exact.values(), ...wildcard.values(), any]) if (root !== null) compress(root);

  let longestSuffix = 0;
  for (const suffix of wildcard.keys()) longestSuffix = Math.max(longestSuffix, suffix.length);
  return { exact, wildcard, longestSuffix, any };
}

/** The leaf for a pattern, made with the way to it where there is none yet. */
function leafOf<T>(paths: OpenPaths<T>, pattern: string): OpenLeaf<T> {
  const captures = paramNames(pattern).length;
  const newLeaf = (): OpenLeaf<T> => ({ rules: [], headRules: [], captures });
  if (captures === 0) return take(paths.literal, pattern, newLeaf);

  const segments = segmentsOf(pattern);
  const open = isOpen(pattern);
  if (open) segments.pop();
  let node = (paths.root ??= newNode(0));
  for (const segment of segments)
    node = isParam(segment) ? (node.param ??= newNode(node.depth + 1)) : childOf(node, segment);
  return open ? (node.rest ??= newLeaf()) : (node.leaf ??= newLeaf());
}

function childOf<T>(node: OpenNode<T>, segment: string): OpenNode<T> {
  node.literal ??= new Map<string, OpenNode<T>>();
  node.longest = Math.max(node.longest, segment.length);
  return take(node.literal, segment, () => newNode<T>(node.depth));
}

/** Takes up into a node what only leads on: one comparison for `/api/v1/` instead of a lookup for each segment. */
function compress<T>(node: OpenNode<T>): void {
  if (node.param !== null) compress(node.param);
  if (node.literal === null) return;
  for (const child of node.literal.values()) compress(child);
  if (node.literal.size > 1 || node.param !== null || node.rest !== null) return;
  for (const [segment, child] of node.literal) {
    if (child.leaf !== null) return;
    node.prefix = `${segment}/${child.prefix}`;
    node.literal = child.literal;
    node.longest = child.longest;
    node.param = child.param;
    node.rest = child.rest;
  }
}

const newPaths = <T>(): OpenPaths<T> => ({ literal: new Map(), root: null });
const newNode = <T>(depth: number): OpenNode<T> => ({
  prefix: '',
  depth,
  literal: null,
  longest: 0,
  param: null,
  rest: null,
  leaf: null,
});

function take<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  let value = map.get(key);
  if (value === undefined) map.set(key, (value = make()));
  return value;
}
