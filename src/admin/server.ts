import { fastify } from 'fastify';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { FAULTS } from '../contracts/fault.ts';
import type { FaultCode } from '../contracts/fault.ts';
import { problemReply } from '../lib/problem.ts';

/** A running admin port. */
export interface AdminServer {
  /** Opens the port and tells which it is. Rejects as `net.Server.listen` does. */
  listen(host: string, port: number): Promise<number>;
  close(): Promise<void>;
}

/** Makes the admin server; `register` adds the plugins. Nothing is open before `listen`. */
export function makeAdmin(register: (app: FastifyInstance) => void): AdminServer {
  // A scraper's keep-alive connection must not hold up the end of the process.
  const app = fastify({ forceCloseConnections: true, requestTimeout: 30_000 });
  app.setNotFoundHandler((_, reply) => problem(reply, 'not_found', 'The admin API has no such resource.'));
  app.setErrorHandler((error, _, reply) => {
    const isBug = statusOf(error) >= 500;
    return problem(reply, isBug ? 'internal' : 'bad_request');
  });
  register(app);
  return {
    async listen(host, port) {
      await app.listen({ host, port });
      const address = app.server.address();
      return typeof address === 'object' && address !== null ? address.port : port;
    },
    close: () => app.close(),
  };
}

const statusOf = (error: unknown): number =>
  error instanceof Error && 'statusCode' in error && typeof error.statusCode === 'number'
    ? error.statusCode
    : 500;

/** Answers with a problem document (RFC 9457). `detail` is for clients: no internals. */
export function problem(reply: FastifyReply, code: FaultCode, detail?: string): FastifyReply {
  const { status, headers, body } = problemReply(code, detail ?? FAULTS[code].title, reply.request.id);
  for (let i = 0; i < headers.length; i += 2) reply.header(headers[i]!, headers[i + 1]!);
  return reply.code(status).send(body);
}
