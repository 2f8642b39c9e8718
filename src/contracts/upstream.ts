import { z } from 'zod';
import { balance, sticky } from './balance.ts';
import { clientTls, id } from './blocks.ts';
import { health } from './health.ts';
import { breaker, concurrency, fallback, hedge, retry } from './resilience.ts';
import { duration } from './units.ts';

/** The `upstreams` part of the configuration. */

const upstreamTimeouts = z.strictObject({
  connect: duration.prefault('2s').describe('Per attempt, until the connection stands.'),
  firstByte: duration
    .optional()
    .describe('Per attempt, from the request sent to the first byte of the reply.'),
  request: duration.prefault('30s').describe('All attempts until the reply head.'),
  idle: duration.prefault('60s').describe('Longest silence between two bytes of a reply.'),
});

const target = z.strictObject({
  url: z.string().describe('http://host:port or https://host:port; no path.'),
  weight: z.int().min(0).max(1000).default(1).describe('Share of the traffic; 0 = none.'),
  priority: z
    .int()
    .min(0)
    .max(1000)
    .default(0)
    .describe('Lower goes first; higher ones take over what those cannot carry.'),
  zone: z
    .string()
    .min(1)
    .max(64)
    .optional()
    .describe('Where it runs; a node prefers targets of its own zone.'),
});

export const upstream = z.strictObject({
  id,
  balance,
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
      pipelining: z
        .int()
        .min(1)
        .max(64)
        .default(1)
        .describe(
          'Requests without body that may wait for their replies on one connection; 1 = no pipelining.',
        ),
    })
    .prefault({}),
  tls: clientTls.optional(),
  retry: retry.optional(),
  health: health.optional().describe('Finds out which targets are well.'),
  breaker: breaker.optional(),
  slowStart: duration
    .optional()
    .describe('Time in which the weight of a new or returning target grows to its whole.'),
  hedge: hedge.optional(),
  concurrency: concurrency.optional(),
  sticky: sticky.optional().describe('Keeps each client at one target by a cookie.'),
  fallback: fallback.optional(),
});
