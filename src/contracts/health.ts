import { z } from 'zod';
import { duration, percent } from './units.ts';

/** The `health` block of an upstream: how it is found out which targets are well. */

const status = z.int().min(100).max(599);

const active = z.strictObject({
  path: z
    .string()
    .startsWith('/', 'a path begins with /')
    .default('/')
    .describe('Path (and query) asked for with GET.'),
  host: z.string().min(1).optional().describe('Host field of a probe; default: the host of the URL.'),
  interval: duration.prefault('5s').describe('Time between two probes of a target, give or take a tenth.'),
  timeout: duration.prefault('1s').describe('Time for the whole of a probe.'),
  healthy: z.int().min(1).max(100).default(2).describe('Good probes in a row that bring a target back.'),
  unhealthy: z.int().min(1).max(100).default(3).describe('Bad probes in a row that take a target out.'),
  statuses: z
    .array(
      z.union([status, z.string().regex(/^[1-5]\d\d-[1-5]\d\d$/, 'a range of statuses is written 200-399')]),
    )
    .min(1)
    .default(['200-399'])
    .describe('Statuses, or ranges of them, of a good probe.'),
});

const passive = z.strictObject({
  failures: z.int().min(1).max(1_000_000).default(5).describe('Failures in a row that eject a target.'),
  window: duration.prefault('30s').describe('Time within which they must come.'),
  eject: duration
    .prefault('30s')
    .describe('Length of the first ejection; each further one is that much longer, up to ten times.'),
  maxEjected: percent.prefault('50%').describe('Share of the targets that may be ejected at once.'),
  statuses: z
    .array(status)
    .default([502, 503, 504])
    .describe('Statuses of replies that count as failures, beside refused, reset, garbled and late ones.'),
});

export const health = z.strictObject({
  active: active.optional().describe('Probes, sent by one process of the node; without this block none.'),
  passive: passive.optional().describe('Ejects targets that fail requests; without this block none.'),
  panic: percent
    .prefault('50%')
    .describe('With a smaller share of healthy targets all are used that ever were well; 0% = never.'),
});

export type HealthConfig = z.output<typeof health>;
export type ActiveHealth = NonNullable<HealthConfig['active']>;
export type PassiveHealth = NonNullable<HealthConfig['passive']>;
