import { maxHeaderSize } from 'node:http';
import { fastify } from 'fastify';
import type { FastifyInstance } from 'fastify';
import type { FaultCode } from '../contracts/fault.ts';
import { StoreAway } from '../contracts/records.ts';
import { problem, Refusal } from './refusal.ts';

/** A running admin port. */
export interface AdminServer {
  /** Opens the port and tells which it is. Rejects as `net.Server.listen` does. */
  listen(host: string, port: number): Promise<number>;
  close(): Promise<void>;
}

/** Largest body of a request in bytes. */
const BODY_LIMIT = 1024 * 1024;

/** A path that is no text names nothing. It is made text, so that it is refused behind the guard like other such paths. */
function isDecodable(path: string): boolean {
  try {
    decodeURIComponent(path);
    return true;
  } catch {
    return false;
  }
}

/**
 * Makes the admin server. Nothing is open before `listen`.
 * @param register Adds the plugins.
 * @param report Told of errors that are bugs.
 */
export function makeAdmin(
  register: (app: FastifyInstance) => void,
  report: (error: unknown) => void = () => undefined,
): AdminServer {
  // A scraper's keep-alive connection must not hold up the end of the process.
  const app = fastify({
    forceCloseConnections: true,
    requestTimeout: 30_000,
    bodyLimit: BODY_LIMIT,
    // As long as a head can be: a parameter that is too long would be refused before any hook.
    routerOptions: { maxParamLength: maxHeaderSize },
    rewriteUrl: ({ url = '/' }) => (isDecodable(url) ? url : url.replaceAll('%', '%25')),
  });
  app.setNotFoundHandler((_, reply) => problem(reply, 'not_found', 'The admin API has no such resource.'));
  app.setErrorHandler((error, _, reply) => {
    if (error instanceof Refusal) return problem(reply, error.code, error.message, error.members);
    if (error instanceof StoreAway) return problem(reply, 'store_away');
    const code = codeOf(error);
    if (code === 'internal') report(error);
    return problem(reply, code);
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

/** What fastify itself refuses, by its status. */
function codeOf(error: unknown): FaultCode {
  const status = error instanceof Error && 'statusCode' in error ? error.statusCode : 500;
  if (typeof status !== 'number' || status >= 500) return 'internal';
  return status === 413 ? 'body_too_large' : status === 415 ? 'media_type' : 'bad_request';
}
