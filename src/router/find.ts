import type { Match, Wanted } from '../contracts/runtime.ts';
import { holds, serves } from './rule.ts';
import type { Leaf, Node, Paths, Rule, Table } from './table.ts';

/**
 * Bounds of the captures on the way to the node that is being visited. They become strings only when a route
 * is found, so that backtracking copies nothing. One walk at a time: nothing here waits.
 */
const from: number[] = [];
const to: number[] = [];

/** What is done at each leaf that fits host and path, best first; a rule ends the walk. */
type Visit<T, Out> = (leaf: Leaf<T>, wanted: Wanted, out: Out) => Rule<T> | null;

/**
 * The route that serves a request; null = none (see `allowed`). Fills `match.params` with the values of the
 * pattern's parameters in order, a closing `*` last, as written in the path; `match.allow` is left alone.
 */
export function find<T>(table: Table<T>, wanted: Wanted, match: Match): T | null {
  // Setting `length` leaves compiled code, and there is rarely anything to drop.
  if (match.params.length > 0) match.params.length = 0;
  const rule = walk<T, Match>(table, wanted, choose, match);
  return rule === null ? null : rule.value;
}

/**
 * Value of an Allow field (RFC 9110 section 10.2.1) for a request that `find` has no route for: the methods
 * of the routes that match but for the method, sorted. Empty = there are none, the answer is 404.
 */
export function allowed<T>(table: Table<T>, wanted: Wanted): string {
  const methods = new Set<string>();
  walk<T, Set<string>>(table, wanted, collect, methods);
  return [...methods].sort().join(', ');
}

function choose<T>(leaf: Leaf<T>, wanted: Wanted, match: Match): Rule<T> | null {
  const rules = wanted.method === 'HEAD' ? leaf.headRules : leaf.rules;
  for (let i = 0; i < rules.length; i++) {
    const rule = rules[i]!;
    if (!serves(rule, wanted.method) || !holds(rule, wanted)) continue;
    for (let k = 0; k < leaf.captures; k++) match.params.push(wanted.path.slice(from[k], to[k]));
    return rule;
  }
  return null;
}

function collect<T>(leaf: Leaf<T>, wanted: Wanted, methods: Set<string>): null {
  for (const rule of leaf.rules)
    if (rule.methods !== null && holds(rule, wanted)) for (const method of rule.methods) methods.add(method);
  return null;
}

/** Visits every leaf that fits host and path: most specific host first, and for each the best path first. */
function walk<T, Out>(table: Table<T>, wanted: Wanted, visit: Visit<T, Out>, out: Out): Rule<T> | null {
  const { host } = wanted;
  const exact = table.exact.size > 0 ? table.exact.get(host) : undefined;
  if (exact !== undefined) {
    const rule = walkPaths(exact, wanted, visit, out);
    if (rule !== null) return rule;
  }
  if (table.longestSuffix > 0) {
    // From 1: at least one character stands before the dot. No longer suffix is worth a look.
    const first = Math.max(1, host.length - table.longestSuffix);
    for (let dot = host.indexOf('.', first); dot >= 0; dot = host.indexOf('.', dot + 1)) {
      const paths = table.wildcard.get(host.slice(dot));
      if (paths === undefined) continue;
      const rule = walkPaths(paths, wanted, visit, out);
      if (rule !== null) return rule;
    }
  }
  return walkPaths(table.any, wanted, visit, out);
}

function walkPaths<T, Out>(paths: Paths<T>, wanted: Wanted, visit: Visit<T, Out>, out: Out): Rule<T> | null {
  const leaf = paths.literal.size > 0 ? paths.literal.get(wanted.path) : undefined;
  if (leaf !== undefined) {
    const rule = visit(leaf, wanted, out);
    if (rule !== null) return rule;
  }
  return paths.root === null ? null : walkNode(paths.root, 1, wanted, visit, out);
}

/**
 * Tries what begins at `start` on a node: its prefix, then as segment a literal, a parameter, the rest. A node
 * has one place in every path, hence is visited once, and recursion ends where patterns do.
 */
function walkNode<T, Out>(
  node: Node<T>,
  start: number,
  wanted: Wanted,
  visit: Visit<T, Out>,
  out: Out,
): Rule<T> | null {
  const { path } = wanted;
  if (node.prefix !== '') {
    if (!path.startsWith(node.prefix, start)) return null;
    start += node.prefix.length;
  }
  const slash = path.indexOf('/', start);
  const end = slash < 0 ? path.length : slash;
  if (node.literal !== null && end - start <= node.longest) {
    const child = node.literal.get(path.slice(start, end));
    const rule = child === undefined ? null : enter(child, slash, wanted, visit, out);
    if (rule !== null) return rule;
  }
  from[node.depth] = start;
  to[node.depth] = end;
  if (node.param !== null && end > start) {
    const rule = enter(node.param, slash, wanted, visit, out);
    if (rule !== null) return rule;
  }
  if (node.rest === null) return null;
  from[node.depth] = start;
  to[node.depth] = path.length;
  return visit(node.rest, wanted, out);
}

function enter<T, Out>(
  node: Node<T>,
  slash: number,
  wanted: Wanted,
  visit: Visit<T, Out>,
  out: Out,
): Rule<T> | null {
  if (slash >= 0) return walkNode(node, slash + 1, wanted, visit, out);
  return node.leaf === null ? null : visit(node.leaf, wanted, out);
}
