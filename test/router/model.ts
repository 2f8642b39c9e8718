import type { Wanted } from '../../src/contracts/runtime.ts';
import type { Entry } from '../../src/router/table.ts';

/**
 * The contract's matching rules in their plainest form: every (route, host, path) of the configuration that
 * fits, sorted by the order that the contract gives, and the first taken. Slow, and shares no code with the
 * router.
 */
export interface Found<T> {
  readonly value: T;
  readonly params: readonly string[];
}

interface Candidate<T> {
  readonly entry: Entry<T>;
  readonly host: string;
  readonly path: string;
  readonly order: number;
  readonly params: readonly string[];
}

export function modelFind<T>(entries: readonly Entry<T>[], wanted: Wanted): Found<T> | null {
  const found = candidates(entries, wanted)
    .filter(({ entry }) => servesMethod(entry, wanted.method))
    .sort((a, b) => compare(a, b, wanted.method))[0];
  return found === undefined ? null : { value: found.entry.value, params: found.params };
}

export function modelAllowed<T>(entries: readonly Entry<T>[], wanted: Wanted): string {
  const methods = candidates(entries, wanted).flatMap(({ entry }) => entry.methods);
  if (methods.includes('GET')) methods.push('HEAD');
  return [...new Set(methods)].sort().join(', ');
}

/** All that fits but for the method. */
function candidates<T>(entries: readonly Entry<T>[], wanted: Wanted): Candidate<T>[] {
  const query = new URLSearchParams(wanted.query);
  return entries
    .filter(
      (entry) =>
        Object.entries(entry.headers).every(([name, value]) => headerValues(wanted, name).includes(value)) &&
        Object.entries(entry.query).every(([name, value]) => query.getAll(name).includes(value)),
    )
    .flatMap((entry) =>
      (entry.hosts.length === 0 ? [''] : entry.hosts)
        .filter((host) => hostFits(host, wanted.host))
        .flatMap((host) =>
          entry.paths.flatMap((path) => {
            const params = pathFits(path, wanted.path);
            return params === null ? [] : [{ entry, host, path, order: entries.indexOf(entry), params }];
          }),
        ),
    );
}

function headerValues(wanted: Wanted, name: string): string[] {
  return wanted.headers.filter((_, i) => i % 2 === 1 && wanted.headers[i - 1] === name);
}

function hostFits(pattern: string, host: string): boolean {
  if (pattern === '') return true;
  if (!pattern.startsWith('*.')) return pattern === host;
  return host.endsWith(pattern.slice(1)) && host.length > pattern.length - 1;
}

function pathFits(pattern: string, path: string): readonly string[] | null {
  const source = pattern
    .split('/')
    .map((segment, i, all) => {
      if (segment.startsWith(':')) return '([^/]+)';
      if (segment === '*' && i === all.length - 1) return '(.*)';
      return segment.replace(/[^A-Za-z0-9]/g, '\\$&');
    })
    .join('/');
  return new RegExp(`^${source}$`).exec(path)?.slice(1) ?? null;
}

const servesMethod = <T>({ methods }: Entry<T>, method: string): boolean =>
  methods.length === 0 || methods.includes(method) || (method === 'HEAD' && methods.includes('GET'));

function compare<T>(a: Candidate<T>, b: Candidate<T>, method: string): number {
  return (
    hostRank(a.host) - hostRank(b.host) ||
    comparePaths(a.path, b.path) ||
    methodRank(a.entry, method) - methodRank(b.entry, method) ||
    conditions(b.entry) - conditions(a.entry) ||
    b.entry.priority - a.entry.priority ||
    a.order - b.order
  );
}

/** Exact, then wildcards from the longest, then any. */
function hostRank(host: string): number {
  if (host === '') return 1;
  return host.startsWith('*.') ? -host.length : -Infinity;
}

function comparePaths(a: string, b: string): number {
  const [left, right] = [a.split('/').map(segmentRank), b.split('/').map(segmentRank)];
  const differing = left.findIndex((rank, i) => rank !== right[i]);
  return differing < 0 ? 0 : left[differing]! - right[differing]!;
}

function segmentRank(segment: string): number {
  if (segment === '*') return 2;
  return segment.startsWith(':') ? 1 : 0;
}

function methodRank<T>({ methods }: Entry<T>, method: string): number {
  if (methods.length === 0) return 2;
  return method === 'HEAD' && !methods.includes('HEAD') ? 1 : 0;
}

const conditions = <T>({ headers, query }: Entry<T>): number =>
  Object.keys(headers).length + Object.keys(query).length;
