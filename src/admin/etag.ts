import { createHash } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { Refusal } from './refusal.ts';

/** A strong validator of a resource (RFC 9110 section 8.8.3): whatever of it can change is in `state`. */
export const etagOf = (state: unknown): string =>
  `"${createHash('sha256').update(JSON.stringify(state)).digest('base64url').slice(0, 27)}"`;

/**
 * Refuses with 412 when the resource is not as the client believes (RFC 9110 section 13.1).
 * @param present Its state now; null = there is none.
 */
export function checkPreconditions({ headers }: FastifyRequest, present: unknown): void {
  const tag = present === null ? null : etagOf(present);
  const matches = (list: string): boolean =>
    tag !== null && list.split(',').some((each) => each.trim() === '*' || each.trim() === tag);
  const wanted = headers['if-match'];
  const unwanted = headers['if-none-match'];
  if (wanted !== undefined && !matches(wanted))
    throw new Refusal('precondition_failed', 'It has changed since: read it again.');
  if (unwanted !== undefined && matches(unwanted))
    throw new Refusal('precondition_failed', 'It is there already.');
}
