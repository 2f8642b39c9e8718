import { z } from 'zod';
import { duration, rate, size } from './units.ts';

/** The `limits` part of the configuration: what guards the node itself, before any policy. */
export const limits = z.strictObject({
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
  connectionsPerIp: z
    .int()
    .min(1)
    .optional()
    .describe(
      'Open connections of one address (IPv6: one network of 64 bits) to this node; more are closed. Off unless given; trustedProxies are exempt.',
    ),
  requestsPerIp: z
    .strictObject({
      rate: rate.describe('Requests of one address (IPv6: one network of 64 bits) to this node.'),
      ban: duration
        .prefault('30s')
        .describe('How long an address that asks more is answered 429 and its new connections are closed.'),
    })
    .optional()
    .describe(
      'Requests by address before anything else is done. Off unless given; trustedProxies are exempt.',
    ),
});
