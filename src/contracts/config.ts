import { z } from 'zod';
import { fileRef, pem, planned, port } from './blocks.ts';
import { listen } from './listen.ts';
import { duration, size } from './units.ts';

/**
 * The configuration envelope: everything but the options of policies, which each policy file describes
 * itself. Input is what a user writes, output is plain data with defaults filled and units resolved
 * (milliseconds, bytes).
 */

/** The message for a value that the contract names and this version does not have; none for other wrong values. */
const plannedValue = (known: readonly string[], instead: string) => ({
  error: ({ input }: { readonly input?: unknown }) => {
    const name = typeof input === 'object' && input !== null ? Object.keys(input)[0] : String(input);
    return name !== undefined && known.includes(name)
      ? `${name} is not in this version of Sluice yet: use ${instead}`
      : undefined;
  },
});

const id = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, 'an id is 1 to 64 letters, digits, dots, dashes or underscores')
  .describe('Unique name; used in logs, metrics and the admin API.');

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

const limits = z.strictObject({
  headerBytes: size
    .prefault('16KB')
    .describe('Largest request head; a longer one is answered 431. Restart needed.'),
  receiveBuffer: size
    .refine((bytes) => bytes <= 2 ** 30, 'a receive buffer has at most 1GB')
    .prefault('208KB')
    .describe(
      'Receive buffer of a client connection on the uws edge: an upload gets about this much per round trip. With more than 208KB, or 0B (as the kernel likes), fast uploads to a slow upstream may be cut with 503. Restart needed.',
    ),
  bodyBytes: size.prefault('10MB').describe('Largest request body; a longer one is answered 413.'),
  headerTimeout: duration.prefault('10s').describe('Time for a client to send a whole head.'),
  bodyTimeout: duration.prefault('30s').describe('Longest silence of a client in the middle of its body.'),
  idleTimeout: duration.prefault('60s').describe('Longest life of an idle client connection.'),
  inFlight: z.int().min(1).default(20_000).describe('Requests in flight per worker; more are answered 503.'),
  connectionsPerIp: planned('limits.connectionsPerIp'),
  requestsPerIp: planned('limits.requestsPerIp'),
});

const upstreamTimeouts = z.strictObject({
  connect: duration.prefault('2s').describe('Per attempt, until the connection stands.'),
  firstByte: duration
    .optional()
    .describe('Per attempt, from the request sent to the first byte of the reply.'),
  request: duration.prefault('30s').describe('All attempts until the reply head.'),
  idle: duration.prefault('60s').describe('Longest silence between two bytes of a reply.'),
});

const routeTimeouts = z.strictObject({
  connect: duration.optional(),
  firstByte: duration.optional(),
  request: duration.optional(),
  idle: duration.optional(),
});

const target = z.strictObject({
  url: z.string().describe('http://host:port or https://host:port; no path.'),
  weight: z.int().min(0).max(1000).default(1).describe('Share of the traffic; 0 = none.'),
  priority: planned('target.priority'),
  zone: planned('target.zone'),
});

const upstream = z.strictObject({
  id,
  balance: z
    .literal('round-robin', plannedValue(['least-request', 'p2c', 'ewma', 'random', 'hash'], 'round-robin'))
    .default('round-robin')
    .describe('Rule that chooses a target; round-robin is smooth and weighted.'),
  targets: z.array(target).min(1, 'an upstream needs at least one target'),
  host: z
    .string()
    .min(1)
    .default('client')
    .describe(
      'Host field sent: client (what the client asked for), target (the host of the URL), or a name.',
    ),
  timeouts: upstreamTimeouts.prefault({}),
  connections: z
    .strictObject({
      max: z.int().min(1).max(65_535).default(256).describe('Connections per target and worker.'),
      pipelining: z.literal(1, 'pipelining is not in this version').default(1),
    })
    .prefault({}),
  tls: z
    .strictObject({
      ca: pem.optional().describe('Certificate authorities to trust instead of the built-in ones (PEM).'),
      cert: pem.optional().describe('Client certificate (PEM).'),
      key: pem.optional().describe('Key of the client certificate (PEM).'),
      serverName: z
        .string()
        .min(1)
        .optional()
        .describe('Name to send and to check; default: host of the URL.'),
      verify: z.boolean().default(true).describe('False accepts any certificate: for tests only.'),
    })
    .optional(),
  retry: planned('retry'),
  health: planned('health'),
  breaker: planned('breaker'),
  slowStart: planned('slowStart'),
  hedge: planned('hedge'),
  concurrency: planned('concurrency'),
  sticky: planned('sticky'),
  fallback: planned('fallback'),
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
  drain: duration.prefault('10s').describe('How long requests in flight may take after SIGTERM.'),
  drainDelay: duration
    .prefault('0s')
    .describe('How long listeners stay open after SIGTERM, readiness already 503.'),
  trustedProxies: z.array(z.string()).default([]).describe('CIDRs whose X-Forwarded-* are believed.'),
  store: z
    .strictObject({
      kind: z
        .literal('embedded', plannedValue(['redis'], 'embedded'))
        .default('embedded')
        .describe('Where limits are counted: embedded = in this node.'),
      url: planned('store.url'),
    })
    .prefault({}),
  limits: limits.prefault({}),
  log: log.prefault({}),
  upstreams: z.array(upstream).default([]),
  consumers: planned('consumers'),
  routes: z.array(route).default([]),
  policies: policies.default({}).describe('Policies of every route.'),
  rateLimitHeaders: planned('rateLimitHeaders'),
});

/** What a user writes. */
export type ConfigInput = z.input<typeof envelope>;
/** What the gateway runs: plain data, defaults filled, milliseconds and bytes. */
export type GatewayConfig = z.output<typeof envelope>;
export type RouteConfig = GatewayConfig['routes'][number];
export type UpstreamConfig = GatewayConfig['upstreams'][number];
