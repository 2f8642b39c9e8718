/**
 * Path patterns: `/` and segments. A segment that begins with `:` is a parameter and stands for one
 * non-empty segment; a last segment `*` stands for the rest of the path, which may be empty; any other
 * segment, the empty one included, stands for itself.
 */

/** The segments of a pattern, or of a path: what stands between the slashes. */
export const segmentsOf = (pattern: string): string[] => pattern.slice(1).split('/');

/** Whether a segment is a parameter. */
export const isParam = (segment: string): boolean => segment.startsWith(':');

/** Whether a pattern ends in `*`. */
export const isOpen = (pattern: string): boolean => pattern.endsWith('/*');

/** Names of what `find` captures for this pattern, in the order of `match.params`: `:id` is `id`, `*` is `*`. */
export function paramNames(pattern: string): string[] {
  const names = segmentsOf(pattern)
    .filter(isParam)
    .map((segment) => segment.slice(1));
  return isOpen(pattern) ? [...names, '*'] : names;
}

/** Parameters that stand at one index in every pattern of a route, so that a template can name them. */
export function sharedParams(patterns: readonly string[]): ReadonlyMap<string, number> {
  const [first = [], ...others] = patterns.map(paramNames);
  return new Map(
    first.flatMap((name, index) => (others.every((names) => names[index] === name) ? [[name, index]] : [])),
  );
}
