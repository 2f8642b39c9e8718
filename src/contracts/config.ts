import { z } from 'zod';
import { fileRef, id, port } from './blocks.ts';
import { consumer } from './consumer.ts';
import { limits } from './limits.ts';
import { listen } from './listen.ts';
import { CLASSES } from './resilience.ts';
import { store } from './store.ts';
import { duration, size } from './units.ts';
import { upstream } from './upstream.ts';

/**
 * The configuration envelope: everything but the options of policies, which each policy file describes
 * itself. Input is what a user writes, output is plain data with defaults filled and units resolved
 * (milliseconds, bytes).
 */

const adminToken = z.union([
  z.string(),
  fileRef,
  z.strictObject({
    token: z.union([z.string(), fileRef]).describe('The token itself, or the file that holds it.'),
    role: z.enum(['read', 'write', 'admin']).default('admin').describe('What the token may do.'),
    name: z.string().default('').describe('Who uses it; shown in the history of changes.'),
  }),
]);

/** A bearer token of the admin API. */
export interface AdminGrant {
  readonly token: string;
  readonly role: 'read' | 'write' | 'admin';
  /** Empty = not named. */
  readonly name: string;
}

/** The loader has put the contents in place of every `{ file }` by now; empty tokens are dropped. */
function grantsOf(tokens: readonly z.output<typeof adminToken>[]): AdminGrant[] {
  return tokens.flatMap((each) => {
    const grant =
      typeof each === 'object' && 'token' in each ? each : { token: each, role: 'admin' as const, name: '' };
    const { token } = grant;
    return typeof token === 'string' && token !== '' ? [{ ...grant, token }] : [];
  });
}

const admin = z
  .strictObject({
    host: z.string().min(1).default('127.0.0.1').describe('Address of the admin listener.'),
    port: port.default(9080).describe('Port of the admin listener; 0 takes a free one.'),
    tokens: z
      .array(adminToken)
      .default([])
      .describe('Bearer tokens of the admin API; empty = loopback only. Probes and metrics need none.'),
  })
  .transform(({ tokens, ...rest }) => {
    const grants = grantsOf(tokens);
    const admins = grants.filter(({ role }) => role === 'admin').map(({ token }) => token);
    /** `grants` = every token with its role; `tokens` = those of role admin, for who knows no roles. */
    return { ...rest, tokens: admins, grants };
  });

const routeTimeouts = z.strictObject({
  connect: duration.optional(),
  firstByte: duration.optional(),
  request: duration.optional(),
  idle: duration.optional(),
});

const match = z.strictObject({
  hosts: z.array(z.string()).default([]).describe('Exact names or *.suffix; empty = any.'),
  paths: z
    .array(z.string())
    .min(1, 'a route needs a path; /* matches everything')
    .describe('/literal, /:param, trailing /*.'),
  methods: z.array(z.string()).default([]).describe('Upper-case methods; empty = any.'),
  headers: z.record(z.string(), z.string()).default({}).describe('Exact values; any repeat may match.'),
  query: z.record(z.string(), z.string()).default({}).describe('Exact values; any repeat may match.'),
});

const policies = z
  .record(z.string(), z.unknown())
  .describe('Policy name to its options; false switches a global one off.');

const route = z.strictObject({
  id,
  match,
  priority: z.int().default(0).describe('Higher goes first among equally specific routes.'),
  upstream: z.string().optional().describe('Id of the upstream that serves this route.'),
  class: z
    .enum(CLASSES)
    .default('normal')
    .describe('Who is refused last (high) or first (low) when the upstream is at its adaptive limit.'),
  respond: z
    .strictObject({
      status: z.int().min(200).max(599).default(200),
      body: z.string().default(''),
      headers: z.record(z.string(), z.string()).default({}),
    })
    .optional()
    .describe('Answers without an upstream.'),
  redirect: z
    .literal('https')
    .optional()
    .describe('https: what comes over plain http is answered 308 with the https address.'),
  timeouts: routeTimeouts.default({}).describe('Overrides of the upstream for this route.'),
  bodyBytes: size.optional().describe('Override of limits.bodyBytes.'),
  policies: policies.default({}),
});

const log = z.strictObject({
  level: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('info'),
  access: z.boolean().default(true).describe('One line per request on standard output.'),
  query: z.boolean().default(false).describe('Log the query too.'),
  redact: z
    .array(z.string())
    .default([
      'token',
      'access_token',
      'api_key',
      'apikey',
      'key',
      'password',
      'secret',
      'code',
      'state',
      'sig',
      'signature',
    ])
    .describe('Query parameters whose values are never logged.'),
});

export const envelope = z.strictObject({
  version: z.literal(1, 'version must be 1'),
  listen: listen.prefault({}),
  admin: admin.prefault({}),
  workers: z
    .union([z.literal('auto'), z.int().min(1).max(256)], 'workers is auto or a number from 1 to 256')
    .default('auto')
    .describe('Proxy processes; auto = one per core.'),
  verifyThreads: z
    .int('a number of threads is a whole number from 1 to 64')
    .min(1)
    .max(64)
    .default(1)
    .describe('Threads of each worker that check signatures of tokens; none without authentication.'),
  drain: duration.prefault('10s').describe('How long requests in flight may take after SIGTERM.'),
  drainDelay: duration
    .prefault('0s')
    .describe('How long listeners stay open after SIGTERM, readiness already 503.'),
  zone: z
    .string()
    .min(1)
    .max(64)
    .optional()
    .describe('Where this node runs: targets of the same zone are preferred.'),
  trustedProxies: z.array(z.string()).default([]).describe('CIDRs whose X-Forwarded-* are believed.'),
  store: store.prefault({}),
  limits: limits.prefault({}),
  log: log.prefault({}),
  upstreams: z.array(upstream).default([]),
  consumers: z.array(consumer).default([]).describe('Who may call, and by which credentials.'),
  routes: z.array(route).default([]),
  policies: policies.default({}).describe('Policies of every route.'),
  rateLimitHeaders: z
    .enum(['standard', 'legacy', 'both', 'none'])
    .default('standard')
    .describe('How replies tell of limits: RateLimit-Policy and RateLimit, X-RateLimit-*, both, or neither.'),
});

/** What a user writes. */
export type ConfigInput = z.input<typeof envelope>;
/** What the gateway runs: plain data, defaults filled, milliseconds and bytes. */
export type GatewayConfig = z.output<typeof envelope>;
export type RouteConfig = GatewayConfig['routes'][number];
export type UpstreamConfig = GatewayConfig['upstreams'][number];
