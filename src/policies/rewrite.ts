import { z } from 'zod';
import type { Exchange } from '../contracts/exchange.ts';
import type { Hooks, Policy, Site } from '../contracts/policy.ts';
import { normalisePath } from '../lib/path.ts';
import { withoutParameters } from '../lib/query.ts';

const path = z
  .string()
  .refine(
    (text) => normalisePath(text) === text,
    'a path begins with / and is written as it is matched: no query, no dot segments, no needless escapes',
  );

const prefix = path.refine((text) => !text.endsWith('/'), 'a prefix does not end in /');

const text = z.string().refine((part) => !/\p{Surrogate}/u.test(part), 'this is not well-formed text');

const query = z.strictObject({
  remove: z.array(text).default([]).describe('Names of parameters to drop, however they are escaped.'),
  set: z
    .record(text, text)
    .default({})
    .describe('Parameters to put, escaped as needed, in place of all of that name.'),
});

const schema = z
  .strictObject({
    stripPrefix: prefix.optional().describe('Dropped where the path begins with these whole segments.'),
    addPrefix: prefix.optional().describe('Put before the path, after stripPrefix.'),
    path: path
      .optional()
      .describe('The whole path; :name and a last * stand for what the route’s pattern matched.'),
    query: query.prefault({}).describe('Changes of the query.'),
  })
  .refine(
    ({ path, stripPrefix, addPrefix }) => path === undefined || (stripPrefix ?? addPrefix) === undefined,
    {
      path: ['path'],
      error: 'path replaces the whole path: stripPrefix and addPrefix have nothing to work on',
    },
  );

type Options = z.output<typeof schema>;

/** Changes path and query on their way to the upstream. */
export const rewrite: Policy<Options> = { name: 'rewrite', schema, compile };

function compile(options: Options, site: Site): Hooks | null {
  const { stripPrefix = '', addPrefix = '' } = options;
  const parts = options.path === undefined ? null : pathParts(options.path, site);
  const set = Object.entries(options.query.set);
  const dropped = new Set([...options.query.remove, ...set.map(([name]) => name)]);
  const added = set.map((pair) => pair.map(encodeURIComponent).join('=')).join('&');
  if (parts === null && stripPrefix === '' && addPrefix === '' && dropped.size === 0) return null;
  return {
    request: (x): undefined => {
      if (parts !== null) x.path = fill(parts, x);
      else x.path = addPrefix + strip(x.path, stripPrefix);
      if (dropped.size > 0) x.query = changeQuery(x.query, dropped, added);
    },
  };
}

/** Literal text, or the index of a parameter in `Exchange.params`. */
type Parts = readonly (string | number)[];

/** Parameters stand for whole segments only, so that none can complete a dot segment. */
function pathParts(template: string, site: Site): Parts {
  const segments = template.slice(1).split('/');
  return segments.flatMap((segment, i): (string | number)[] => {
    const name = segment.startsWith(':') ? segment.slice(1) : segment;
    const isParameter = name !== segment || (segment === '*' && i === segments.length - 1);
    if (!isParameter) return [`/${segment}`];
    const index = site.params.get(name);
    if (index === undefined) throw unknownParameter(segment, site);
    return ['/', index];
  });
}

function unknownParameter(segment: string, site: Site): z.ZodError {
  const known = [...site.params.keys()].map((name) => (name === '*' ? name : `:${name}`)).join(', ');
  const message = `${segment} does not stand at one place in every path of this route (known: ${known || 'none'})`;
  return new z.ZodError([{ code: 'custom', path: ['path'], message, input: segment }]);
}

/** Values come from the normalised path and keep their escapes: the result is normalised too. */
function fill(parts: Parts, x: Exchange): string {
  let filled = '';
  for (let i = 0; i < parts.length; i++) {
    const part = parts[i]!;
    filled += typeof part === 'string' ? part : (x.params[part] ?? '');
  }
  return filled;
}

/** The path without the prefix, where the prefix ends at the end of a segment. */
function strip(path: string, prefix: string): string {
  if (prefix === '' || !path.startsWith(prefix)) return path;
  if (path.length === prefix.length) return '/';
  return path.charCodeAt(prefix.length) === 0x2f ? path.slice(prefix.length) : path;
}

/** The query without the parameters named, and with the encoded ones at its end. */
function changeQuery(query: string, dropped: ReadonlySet<string>, added: string): string {
  const kept = withoutParameters(query, dropped);
  return kept === '' || added === '' ? kept + added : `${kept}&${added}`;
}
