import type { FastifyReply } from 'fastify';
import { FAULTS } from '../contracts/fault.ts';
import type { FaultCode } from '../contracts/fault.ts';

/** Thrown by whoever answers a request of the admin API to refuse it. */
export class Refusal extends Error {
  readonly code: FaultCode;
  /** Further members of the problem document. */
  readonly members: Readonly<Record<string, unknown>>;

  /** @param detail For the client: no internals. */
  constructor(code: FaultCode, detail: string, members: Readonly<Record<string, unknown>> = {}) {
    super(detail);
    this.code = code;
    this.members = members;
  }
}

/** Answers with a problem document (RFC 9457). `detail` is for clients: no internals. */
export function problem(
  reply: FastifyReply,
  code: FaultCode,
  detail?: string,
  members: Readonly<Record<string, unknown>> = {},
): FastifyReply {
  const { status, title } = FAULTS[code];
  const type = `urn:sluice:problem:${code}`;
  const document = { type, title, status, detail: detail ?? title, instance: reply.request.id, ...members };
  if (status === 503) reply.header('retry-after', '1');
  return reply
    .code(status)
    .header('content-type', 'application/problem+json')
    .header('cache-control', 'no-store')
    .send(Buffer.from(JSON.stringify(document)));
}
