import { z } from 'zod';
import { duration } from '../contracts/units.ts';
import type { Exchange, Slot } from '../contracts/exchange.ts';
import type { Reply, ReplyHead } from '../contracts/http.ts';
import type { Hooks, Policy, Site } from '../contracts/policy.ts';
import { isToken } from '../lib/fields.ts';
import { isPlainOrigin, originMistake, originTest } from './shared/origins.ts';

const fieldNames = z.array(z.string().refine(isToken, 'this is not a field name'));

const schema = z
  .strictObject({
    origins: z
      .array(
        z.string().superRefine((text, context) => {
          const mistake = originMistake(text);
          if (mistake !== null) context.addIssue(mistake);
        }),
      )
      .min(1, 'name at least one origin, or "*"')
      .describe('Exact origins, https://*.example.com for all subdomains, "null", or "*" for every origin.'),
    methods: z
      .array(z.string().regex(/^[A-Z][A-Z-]*$/, 'a method is written in upper case'))
      .min(1, 'name at least one method')
      .default(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'])
      .describe('Methods that pages may use.'),
    headers: z
      .union([z.literal('*'), fieldNames], 'headers is "*" or a list of field names')
      .optional()
      .describe('Request fields that pages may send; default: those that a preflight asks for.'),
    exposed: fieldNames.default([]).describe('Reply fields that pages may read; "*" = all.'),
    credentials: z.boolean().default(false).describe('Whether pages may send cookies and the like.'),
    maxAge: duration.in
      .optional()
      .describe('How long browsers may remember a preflight; default: theirs (5 seconds).'),
  })
  .superRefine(({ origins, headers, exposed, credentials }, context) => {
    const mistake = (path: string, message: string): void =>
      context.addIssue({ code: 'custom', path: [path], message });
    if (origins.length > 1 && origins.includes('*')) mistake('origins', '"*" is every origin: list it alone');
    if (!credentials) return;
    if (!origins.every(isPlainOrigin))
      mistake('origins', 'with credentials every origin must be named: "*" and "null" stand for any page');
    if (headers === '*' || headers?.includes('*') || exposed.includes('*'))
      mistake('credentials', 'with credentials browsers take "*" for a name: list the fields');
  });

type Options = z.output<typeof schema>;

/** Tells browsers which pages may read the answers, and answers their preflights (Fetch standard, CORS protocol). */
export const cors: Policy<Options> = { name: 'cors', schema, compile };

/** Everything that a reply may say about CORS: none of it is left to the upstream. */
const OURS = [
  'access-control-allow-origin',
  'access-control-allow-credentials',
  'access-control-expose-headers',
  'access-control-allow-methods',
  'access-control-allow-headers',
  'access-control-max-age',
];

const PREFLIGHT: Reply = { status: 204, headers: [], body: null };
const PREFLIGHT_VARY = 'Origin, Access-Control-Request-Method, Access-Control-Request-Headers';
const VARIES = /(?:^|,)[ \t]*(?:origin|\*)[ \t]*(?:,|$)/i;
const NAME_LIST = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+(?:[ \t]*,[ \t]*[!#$%&'*+\-.^_`|~0-9A-Za-z]+)*$/;

/** Values that are the same on every reply of one route; empty = the field is not sent. */
interface Fields {
  /** `*`, or empty: the origin that asks. */
  readonly origin: string;
  readonly credentials: boolean;
  readonly exposed: string;
  readonly methods: string;
  /** Empty: those asked for. */
  readonly headers: string;
  readonly echo: boolean;
  readonly maxAge: string;
}

function compile(options: Options, site: Site): Hooks {
  const { headers, maxAge } = options;
  const fields: Fields = {
    origin: options.origins.includes('*') ? '*' : '',
    credentials: options.credentials,
    exposed: options.exposed.join(', '),
    methods: options.methods.join(', '),
    headers: headers === '*' ? '*' : (headers ?? []).join(', '),
    echo: headers === undefined,
    maxAge: maxAge === undefined ? '' : String(Math.floor(duration.parse(maxAge) / 1000)),
  };
  const allows = originTest(options.origins);
  // Kept from the request: a later policy may drop Origin on its way to the upstream.
  const allowed = site.slot<string>();
  return {
    request: (x) => {
      const origin = x.header('origin');
      if (fields.origin === '' && origin !== undefined && allows(origin)) x.set(allowed, origin);
      return isPreflight(x) ? PREFLIGHT : undefined;
    },
    response: (x): undefined => answer(x, fields, allowed),
  };
}

/** A repeat of the test is cheaper than a note: only OPTIONS looks further than its method. */
const isPreflight = (x: Exchange): boolean =>
  x.method === 'OPTIONS' &&
  x.header('origin') !== undefined &&
  x.header('access-control-request-method') !== undefined;

function answer(x: Exchange, fields: Fields, allowed: Slot<string>): undefined {
  const { reply } = x;
  if (reply === null) return;
  for (let i = 0; i < OURS.length; i++) reply.remove(OURS[i]!);
  const preflight = isPreflight(x);
  if (preflight) reply.add('vary', PREFLIGHT_VARY);
  else if (fields.origin === '') varyByOrigin(reply);
  // A constant `*` goes to everyone, so that caches may share what was fetched without CORS.
  const origin = fields.origin === '' ? x.get(allowed) : fields.origin;
  if (origin === undefined) return;
  reply.set('access-control-allow-origin', origin);
  if (fields.credentials) reply.set('access-control-allow-credentials', 'true');
  if (preflight) allowWhatIsAsked(x, reply, fields);
  else if (fields.exposed !== '') reply.set('access-control-expose-headers', fields.exposed);
}

function allowWhatIsAsked(x: Exchange, reply: ReplyHead, fields: Fields): void {
  reply.set('access-control-allow-methods', fields.methods);
  const headers = fields.echo ? askedHeaders(x) : fields.headers;
  if (headers !== '') reply.set('access-control-allow-headers', headers);
  if (fields.maxAge !== '') reply.set('access-control-max-age', fields.maxAge);
}

/** The names that a preflight asks for, when that is a list of names; else nothing. */
function askedHeaders(x: Exchange): string {
  const asked = x.header('access-control-request-headers');
  return asked !== undefined && NAME_LIST.test(asked) ? asked : '';
}

function varyByOrigin(reply: ReplyHead): void {
  const vary = reply.get('vary');
  if (vary === undefined || !VARIES.test(vary)) reply.add('vary', 'Origin');
}
