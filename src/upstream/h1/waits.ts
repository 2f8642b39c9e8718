import type { Timeouts } from '../../contracts/transport.ts';
import type { Outgoing } from './outgoing.ts';

/** The shorter of a time allowed (ms, 0 = any) and what is left until `by` (0 = no bound); at least 1, or 0 = any time. */
export function sooner(ms: number, by: number, now: number): number {
  if (by === 0) return ms;
  const left = Math.max(1, by - now);
  return ms === 0 ? left : Math.min(ms, left);
}

/** The earlier of two moments; 0 = there is none. */
export const earlier = (a: number, b: number): number => (a === 0 || (b > 0 && b < a) ? b : a);

/** Milliseconds that a connection may stay as it is; 0 = any time. */
export function allowed(
  { idle, firstByte }: Timeouts,
  { backed, sent }: Outgoing,
  inBody: boolean,
  heard: boolean,
  paused: boolean,
): number {
  if (backed) return idle;
  if (paused) return 0;
  if (inBody) return idle;
  if (!sent) return 0;
  return heard ? idle : firstByte;
}
