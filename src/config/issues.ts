import type { z } from 'zod';
import type { Path, Report } from './mistakes.ts';
import { keysAt } from './shape.ts';
import { remedy } from './suggest.ts';

type Issue = z.core.$ZodIssue;

/** Checks `data`, reports everything that is wrong with it below `base`, and gives the parsed value when all is well. */
export function check<T>(
  schema: z.ZodType<T>,
  data: unknown,
  base: Path,
  report: Report,
): { readonly value: T } | null {
  const result = schema.safeParse(data, { error: explain });
  if (result.success) return { value: result.data };
  for (const issue of result.error.issues) tell(issue, { schema, data, base, report }, []);
  return null;
}

interface Context {
  readonly schema: z.ZodType;
  readonly data: unknown;
  readonly base: Path;
  readonly report: Report;
}

/** Reports one issue; `above` is the path of the union that it came from. */
function tell(issue: Issue, context: Context, above: Path): void {
  const { schema, data, base, report } = context;
  const path = [...above, ...(issue.path as (string | number)[])];
  const whole = [...base, ...path];
  if (issue.code === 'unrecognized_keys') {
    const known = keysAt(schema, path);
    for (const key of issue.keys) report([...whole, key], unknownKey(key, known), 'key');
  } else if (issue.code === 'invalid_union' && issue.message === UNDECIDED) {
    const branch = nearest(issue.errors);
    if (branch !== null) for (const each of branch) tell(each, context, path);
    else report(whole, alternatives(issue.errors));
  } else if (issue.code === 'invalid_type' && issue.expected === 'never') {
    report(whole, issue.message, 'key');
  } else if (path.length > 0 && !exists(data, path)) {
    report(whole, issue.message.startsWith('missing') ? issue.message : `missing: add it (${issue.message})`);
  } else report(whole, issue.message);
}

const UNDECIDED = 'fits none of its forms';

function unknownKey(key: string, known: readonly string[]): string {
  if (key === '<<') return 'merge keys (<<) are not supported: write the keys out';
  return `unknown key "${key}": ${remedy(key, known, 'remove it')}`;
}

/** The one form of a union that the value is clearly meant to have: its outside fits, and it has the fewest mistakes. */
function nearest(branches: readonly Issue[][]): readonly Issue[] | null {
  const fitting = branches
    .filter((issues) => issues.every(({ path, code }) => path.length > 0 || !OUTSIDE.has(code)))
    .sort((a, b) => a.length - b.length);
  const [first, second] = fitting;
  return first === undefined || first.length === second?.length ? null : first;
}

/** Issues that say, at the value itself, that it is something else altogether. */
const OUTSIDE: ReadonlySet<string> = new Set(['invalid_type', 'invalid_value']);

function alternatives(branches: readonly Issue[][]): string {
  const messages = branches.flatMap((issues) => issues.slice(0, 1).map(({ message }) => message));
  return [...new Set(messages)].join(', or ');
}

function exists(data: unknown, path: Path): boolean {
  let value = data;
  for (const step of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return false;
    value = (value as Record<string | number, unknown>)[step];
  }
  return true;
}

const NOUNS: Record<string, string> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a map',
  record: 'a map',
};
const noun = (type: string): string => NOUNS[type] ?? type;

/** Words for what the schema itself leaves to us; a message written in a schema goes first. */
function explain(issue: z.core.$ZodRawIssue): string | undefined {
  switch (issue.code) {
    case 'invalid_type':
      return wrongType(issue.expected, issue.input);
    case 'invalid_value':
      return wrongValue(issue.values.map(String), issue.input);
    case 'invalid_union':
      return UNDECIDED;
    case 'too_small':
      return tooSmall(Number(issue.minimum), String(issue.origin), issue.inclusive ?? true);
    case 'too_big':
      return `too large: at most ${String(issue.maximum)}${unit(String(issue.origin))}`;
    case 'not_multiple_of':
      return `must be a multiple of ${String(issue.divisor)}`;
    case 'invalid_key':
      return 'not a valid key here: rename it';
    default:
      return undefined;
  }
}

function wrongType(expected: string, input: unknown): string {
  if (input === undefined) return `missing: add it (${noun(expected)})`;
  if (input === null) return `is empty: give it a value (${noun(expected)}) or remove the key`;
  const got = Array.isArray(input) ? 'a list' : noun(typeof input);
  return `expected ${noun(expected)}, got ${got}${typeRemedy(expected, input)}`;
}

function typeRemedy(expected: string, input: unknown): string {
  if (expected === 'string' && typeof input !== 'object') return ': put it in quotes';
  if (expected === 'array') return ': write it as [ … ]';
  if (expected === 'object' || expected === 'record') return ': write it as { key: value }';
  const numeric = typeof input === 'string' && input.trim() !== '' && Number.isFinite(Number(input));
  if ((expected === 'number' || expected === 'int') && numeric) return ': take the quotes away';
  return '';
}

function wrongValue(values: readonly string[], input: unknown): string {
  if (input === undefined) return `missing: add it (${values.join(', ')})`;
  if (typeof input === 'string') return `"${input}" is not known here: ${remedy(input, values, 'remove it')}`;
  return `must be ${values.join(' or ')}`;
}

function tooSmall(minimum: number, origin: string, inclusive: boolean): string {
  if (minimum === 1 && origin === 'string') return 'must not be empty';
  return `too small: ${inclusive ? 'at least' : 'more than'} ${String(minimum)}${unit(origin)}`;
}

const unit = (origin: string): string =>
  origin === 'string' ? ' characters' : origin === 'array' ? ' items' : '';
