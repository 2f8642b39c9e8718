import { isOpen, isParam, paramNames, segmentsOf } from './pattern.ts';
import type { Entry, Leaf, Node, Paths, Rule, Table } from './table.ts';

/** A rule with what it is sorted by. */
interface Draft<T> {
  readonly rule: Rule<T>;
  readonly namesMethods: boolean;
  readonly namesHead: boolean;
  readonly conditions: number;
  readonly priority: number;
}

interface LeafDraft<T> extends Leaf<T> {
  readonly drafts: Draft<T>[];
  rules: readonly Rule<T>[];
  headRules: readonly Rule<T>[];
}

interface NodeDraft<T> extends Node<T> {
  prefix: string;
  literal: Map<string, NodeDraft<T>> | null;
  param: NodeDraft<T> | null;
  rest: LeafDraft<T> | null;
  leaf: LeafDraft<T> | null;
}

interface PathsDraft<T> extends Paths<T> {
  readonly literal: Map<string, LeafDraft<T>>;
  root: NodeDraft<T> | null;
}

/**
 * Arranges routes for lookup. Entries come in file order, validated: lower-case hosts, checked patterns,
 * upper-case methods. Time and memory grow with the sum over routes of hosts × paths.
 */
export function buildTable<T>(entries: readonly Entry<T>[]): Table<T> {
  const exact = new Map<string, PathsDraft<T>>();
  const wildcard = new Map<string, PathsDraft<T>>();
  const any = newPaths<T>();
  const leaves = new Set<LeafDraft<T>>();
  const pathsOf = (host: string): PathsDraft<T> =>
    host.startsWith('*.') ? take(wildcard, host.slice(1), newPaths<T>) : take(exact, host, newPaths<T>);

  for (const entry of entries) {
    const draft = draftOf(entry);
    const homes = entry.hosts.length === 0 ? [any] : entry.hosts.map(pathsOf);
    for (const paths of homes)
      for (const pattern of entry.paths) {
        const leaf = leafOf(paths, pattern);
        leaf.drafts.push(draft);
        leaves.add(leaf);
      }
  }
  for (const leaf of leaves) sortLeaf(leaf);
  for (const { root } of [...exact.values(), ...wildcard.values(), any]) if (root !== null) compress(root);
  let longestSuffix = 0;
  for (const suffix of wildcard.keys()) longestSuffix = Math.max(longestSuffix, suffix.length);
  return { exact, wildcard, longestSuffix, any };
}

function draftOf<T>(entry: Entry<T>): Draft<T> {
  const { methods, priority, value } = entry;
  const headers = Object.entries(entry.headers);
  const query = Object.entries(entry.query);
  const namesHead = methods.includes('HEAD');
  const served = methods.includes('GET') && !namesHead ? [...methods, 'HEAD'] : methods;
  return {
    rule: {
      methods: methods.length === 0 ? null : served,
      headers: headers.flatMap(([name, text]) => [name.toLowerCase(), text]),
      query: query.flat().map((text) => Buffer.from(text, 'utf8')),
      value,
    },
    namesMethods: methods.length > 0,
    namesHead,
    conditions: headers.length + query.length,
    priority,
  };
}

function leafOf<T>(paths: PathsDraft<T>, pattern: string): LeafDraft<T> {
  const segments = segmentsOf(pattern);
  const captures = paramNames(pattern).length;
  const make = (): LeafDraft<T> => ({ drafts: [], rules: [], headRules: [], captures });
  if (captures === 0) return take(paths.literal, pattern, make);

  const open = isOpen(pattern);
  if (open) segments.pop();
  let node = (paths.root ??= newNode(0));
  for (const segment of segments) {
    const { depth } = node;
    if (isParam(segment)) node = node.param ??= newNode(depth + 1);
    else node = take((node.literal ??= new Map()), segment, () => newNode<T>(depth));
  }
  return open ? (node.rest ??= make()) : (node.leaf ??= make());
}

/** Takes up into a node what only leads on: one comparison for `/api/v1/` instead of a lookup for each segment. */
function compress<T>(node: NodeDraft<T>): void {
  if (node.param !== null) compress(node.param);
  if (node.literal === null) return;
  for (const child of node.literal.values()) compress(child);
  if (node.literal.size > 1 || node.param !== null || node.rest !== null) return;
  const [[segment, child]] = node.literal as Iterable<[string, NodeDraft<T>]>;
  if (child.leaf !== null) return;
  node.prefix = `${segment}/${child.prefix}`;
  node.literal = child.literal;
  node.param = child.param;
  node.rest = child.rest;
}

/** Sorting keeps the file order of equals. */
function sortLeaf<T>(leaf: LeafDraft<T>): void {
  const { drafts } = leaf;
  leaf.rules = drafts.sort(byPreference).map(({ rule }) => rule);
  leaf.headRules = drafts.sort(byHeadPreference).map(({ rule }) => rule);
}

function byPreference<T>(a: Draft<T>, b: Draft<T>): number {
  return (
    Number(b.namesMethods) - Number(a.namesMethods) || b.conditions - a.conditions || b.priority - a.priority
  );
}

function byHeadPreference<T>(a: Draft<T>, b: Draft<T>): number {
  return Number(b.namesHead) - Number(a.namesHead) || byPreference(a, b);
}

const newPaths = <T>(): PathsDraft<T> => ({ literal: new Map(), root: null });
const newNode = <T>(depth: number): NodeDraft<T> => ({
  prefix: '',
  depth,
  literal: null,
  param: null,
  rest: null,
  leaf: null,
});

function take<V>(map: Map<string, V>, key: string, make: () => V): V {
  let value = map.get(key);
  if (value === undefined) map.set(key, (value = make()));
  return value;
}
