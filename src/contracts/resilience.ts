import { z } from 'zod';
import { duration, percent, size } from './units.ts';

/** The parts of an upstream's configuration that say what is done about failures. */

const failure = z.union(
  [
    z.enum(['connect', 'reset', 'timeout']),
    z.int().min(400, 'a status to retry on is 400 to 599').max(599, 'a status to retry on is 400 to 599'),
  ],
  'connect, reset, timeout, or a status from 400 to 599',
);

export const retry = z
  .strictObject({
    attempts: z.int().min(1).max(10).default(2).describe('All tries, the first included.'),
    on: z
      .array(failure)
      .default(['connect', 'reset', 502, 503, 504])
      .describe(
        'connect: no connection stood. reset: it broke, or the reply was invalid, before its head. timeout: one attempt took too long. A number: a status of the upstream.',
      ),
    methods: z
      .array(z.string().regex(/^[A-Z]+$/, 'a method is written in capitals: GET'))
      .default(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE'])
      .describe(
        'Methods that may be repeated. Others only where nothing was sent, or with Idempotency-Key in the request.',
      ),
    budget: percent
      .prefault('20%')
      .describe('Retries as a share of the requests of the last 10 seconds; 10 a second are always allowed.'),
    backoff: duration
      .prefault('25ms')
      .describe(
        'Longest wait before the first retry; doubles with each, random below it, at most ten times it.',
      ),
    bufferBytes: size
      .prefault('64KB')
      .describe('Largest request body that is kept so that it can be repeated.'),
  })
  .refine(({ methods }) => !methods.includes('POST') && !methods.includes('PATCH'), {
    path: ['methods'],
    message:
      'POST and PATCH are repeated only where nothing was sent, or with Idempotency-Key: leave them out',
  });

export const hedge = z.strictObject({
  after: z
    .union([z.literal('p95'), duration], 'p95, or a duration such as 50ms')
    .default('p95')
    .describe('Without a reply head for this long a second target is asked too. p95: of the latest replies.'),
  max: percent.prefault('5%').describe('Hedges as a share of the requests of the last 10 seconds.'),
});

export const breaker = z.strictObject({
  errorRatio: percent.prefault('50%').describe('Share of failed attempts (faults and 5xx) that opens it.'),
  slow: z
    .strictObject({
      over: duration.describe('A reply head that takes longer is slow.'),
      ratio: percent.prefault('50%').describe('Share of slow replies that opens it.'),
    })
    .optional(),
  minRequests: z.int().min(1).max(10_000).default(20).describe('Fewer in the window never open it.'),
  window: duration.prefault('10s').describe('How long an attempt counts.'),
  open: duration.prefault('5s').describe('How long it stays open; doubles each time the probes fail.'),
  maxOpen: duration.prefault('60s').describe('Longest open time.'),
  halfOpen: z
    .int()
    .min(1)
    .max(100)
    .default(3)
    .describe('Probes let through after the open time; all must succeed to close it.'),
});

const bounds = z.strictObject({
  min: z.int().min(1).max(65_535).default(4).describe('Lowest limit of one worker.'),
  max: z.int().min(1).max(65_535).default(1000).describe('Highest limit of one worker.'),
});

const ADAPTIVE = bounds.parse({});

export const concurrency = z
  .union(
    [z.literal('adaptive'), z.strictObject({ adaptive: bounds.prefault({}) })],
    'adaptive, or { adaptive: { min, max } }',
  )
  .transform((written) => (written === 'adaptive' ? ADAPTIVE : written.adaptive))
  .describe(
    'Requests waiting for a reply head, per worker: the limit follows how the upstream’s pace changes.',
  );

/** What a route's `class` may be, the most important first. */
export const CLASSES = ['high', 'normal', 'low'] as const;

/** A reply that the gateway gives instead. */
const respond = z.strictObject({
  status: z.int().min(200).max(599).default(503),
  body: z.string().default(''),
  headers: z.record(z.string(), z.string()).default({}),
});

const rung = z.union(
  [
    z.strictObject({ upstream: z.string().describe('Id of the upstream that is asked instead.') }),
    z.strictObject({ stale: z.literal(true).describe('An expired reply of the cache.') }),
    z.strictObject({ respond: respond.describe('A reply that the gateway gives itself.') }),
  ],
  '{ upstream: ID }, { stale: true } or { respond: { status, body, headers } }',
);

export const fallback = z
  .array(rung)
  .min(1, 'a fallback needs at least one step; remove it to have none')
  .describe('What steps in, in this order, when the upstream cannot serve.');
