/** A route as the router sees it: `match` and `priority` of a validated configuration, and what to find. */
export interface Entry<T> {
  /** Lower-case names, or `*.` and a suffix; empty = any host. */
  readonly hosts: readonly string[];
  /** Patterns (see `pattern.ts`). */
  readonly paths: readonly string[];
  /** Upper-case methods; empty = any method. */
  readonly methods: readonly string[];
  /** Request fields that must be there, name to exact value. */
  readonly headers: Readonly<Record<string, string>>;
  /** Query parameters that must be there, decoded name to decoded value. */
  readonly query: Readonly<Record<string, string>>;
  /** Higher goes first among equally specific routes. */
  readonly priority: number;
  readonly value: T;
}

/** Every route of a generation, arranged for lookup. Never changed after `buildTable`. */
export interface Table<T> {
  /** By whole host. */
  readonly exact: ReadonlyMap<string, Paths<T>>;
  /** By what follows the `*` of a wildcard, its dot included. */
  readonly wildcard: ReadonlyMap<string, Paths<T>>;
  /** Length of the longest key of `wildcard`. */
  readonly longestSuffix: number;
  readonly any: Paths<T>;
}

/** The routes of one host or wildcard. */
export interface Paths<T> {
  /** Patterns without parameters, by whole path. */
  readonly literal: ReadonlyMap<string, Leaf<T>>;
  /** The other patterns; null = there are none. */
  readonly root: Node<T> | null;
}

/** A place in the trie of pattern segments; the root stands before the first segment. */
export interface Node<T> {
  /** Literal segments, each with its slash, that every pattern below shares; the maps begin behind it. */
  readonly prefix: string;
  /** How many parameters stand before. */
  readonly depth: number;
  /** By literal segment; null = there are none. */
  readonly literal: ReadonlyMap<string, Node<T>> | null;
  /** Length of the longest key of `literal`: nobody makes us hash an endless segment. */
  readonly longest: number;
  /** Below `:param`. */
  readonly param: Node<T> | null;
  /** Patterns that end in `*` here. */
  readonly rest: Leaf<T> | null;
  /** Patterns that end here. */
  readonly leaf: Leaf<T> | null;
}

/** The routes that share a host and the shape of a path: what is left to decide is their other conditions. */
export interface Leaf<T> {
  /** In order of preference. */
  readonly rules: readonly Rule<T>[];
  /** The same for HEAD, whose order differs: who names HEAD goes before who merely serves it through GET. */
  readonly headRules: readonly Rule<T>[];
  /** How many values the pattern captures. */
  readonly captures: number;
}

/** A route's conditions beyond host and path. */
export interface Rule<T> {
  /** Methods served, HEAD added where GET is; null = any. */
  readonly methods: readonly string[] | null;
  /** Flat list of lower-case name and value. */
  readonly headers: readonly string[];
  /** Flat list of name and value in UTF-8. */
  readonly query: readonly Uint8Array[];
  readonly value: T;
}
