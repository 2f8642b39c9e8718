import type { Entry, Leaf, Rule } from './table.ts';

/** A rule and what it is ranked by, among rules of the same host and path. */
export interface Draft<T> {
  readonly rule: Rule<T>;
  readonly namesMethods: boolean;
  readonly namesHead: boolean;
  readonly conditions: number;
  readonly priority: number;
}

/** One list for all routes without conditions: a lookup then finds it in the processor's cache. */
const NONE: readonly never[] = [];

/** @param lists Method lists by their text: routes that name the same methods share one, like `NONE`. */
export function draftOf<T>(entry: Entry<T>, lists: Map<string, readonly string[]>): Draft<T> {
  const { methods, priority, value } = entry;
  const headers = Object.entries(entry.headers);
  const query = Object.entries(entry.query);
  const namesHead = methods.includes('HEAD');
  const served = methods.includes('GET') && !namesHead ? [...methods, 'HEAD'] : methods;
  const text = served.join();
  if (!lists.has(text)) lists.set(text, served);
  return {
    rule: {
      methods: methods.length === 0 ? null : lists.get(text)!,
      headers: headers.length === 0 ? NONE : headers.flatMap(([name, value]) => [name.toLowerCase(), value]),
      query: query.length === 0 ? NONE : query.flat().map((part) => Buffer.from(part, 'utf8')),
      value,
    },
    namesMethods: methods.length > 0,
    namesHead,
    conditions: headers.length + query.length,
    priority,
  };
}

/** The rules of a leaf in both orders. Drafts come in file order, and sorting keeps it among equals. */
export function rank<T>(drafts: Draft<T>[]): Pick<Leaf<T>, 'rules' | 'headRules'> {
  const rules = drafts.sort(byPreference).map(({ rule }) => rule);
  const headRules = drafts.sort(byHeadPreference).map(({ rule }) => rule);
  return { rules, headRules: rules.length > 1 ? headRules : rules };
}

function byPreference<T>(a: Draft<T>, b: Draft<T>): number {
  return (
    Number(b.namesMethods) - Number(a.namesMethods) || b.conditions - a.conditions || b.priority - a.priority
  );
}

function byHeadPreference<T>(a: Draft<T>, b: Draft<T>): number {
  return Number(b.namesHead) - Number(a.namesHead) || byPreference(a, b);
}
