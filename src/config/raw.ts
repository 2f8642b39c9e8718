import type { Path } from './mistakes.ts';

/** A map as the parser gave it: nothing is known of its values yet. */
export type Raw = Readonly<Record<string, unknown>>;

/**
 * Checks across the configuration read the data as written, so that one bad value hides no other mistake.
 * These readers give what has the right shape and pass over the rest, which the schema reports.
 */
export const isMap = (value: unknown): value is Raw =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The value as a map; empty when it is none. */
export const mapOf = (value: unknown): Raw => (isMap(value) ? value : {});

/** The items of a list; none when it is not a list. */
export const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

/** The texts of a list with their places. */
export const textsOf = (value: unknown): (readonly [index: number, text: string])[] =>
  listOf(value).flatMap((item, i) => (typeof item === 'string' ? [[i, item] as const] : []));

/** The entries of a map whose values are texts. */
export const pairsOf = (value: unknown): (readonly [name: string, text: string])[] =>
  Object.entries(mapOf(value)).filter((entry): entry is [string, string] => typeof entry[1] === 'string');

/** The value at a path, or undefined. */
export function getIn(data: unknown, path: Path): unknown {
  let value = data;
  for (const step of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return undefined;
    value = (value as Record<string | number, unknown>)[step];
  }
  return value;
}

/**
 * A copy of `data` with another value at `path`; missing maps are made on the way, everything off the way
 * is shared. What is not a map or a list stays as it is: the schema reports it.
 */
export function setIn(data: unknown, path: Path, value: unknown): unknown {
  const [step, ...rest] = path;
  if (step === undefined) return value;
  if (Array.isArray(data))
    return data.map((item: unknown, i) => (i === step ? setIn(item, rest, value) : item));
  if (data !== undefined && !isMap(data)) return data;
  return { ...data, [step]: setIn(data?.[step], rest, value) };
}
