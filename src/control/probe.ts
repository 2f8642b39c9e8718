import { request as httpRequest, type ClientRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { isIP } from 'node:net';
import tls from 'node:tls';
import type { TlsOptions } from '../upstream/h1/dial.ts';

/** What to ask of whom. */
export interface ProbePlan {
  /** Name or address to connect to. */
  readonly connect: string;
  readonly port: number;
  /** Null = plain HTTP. */
  readonly tls: TlsOptions | null;
  /** Name that a certificate must be made out to. */
  readonly name: string;
  readonly path: string;
  /** Host field. */
  readonly host: string;
  readonly timeout: number;
  /** Whether a status is a good one. */
  readonly good: (status: number) => boolean;
}

/**
 * Sends one GET over a connection of its own. `done` is told once what is wrong, in words without addresses, or null
 * when all is well. The returned function gives up: then `done` is not called.
 */
export function probe(plan: ProbePlan, done: (why: string | null) => void): () => void {
  let over = false;
  const end = (why: string | null) => {
    if (over) return;
    over = true;
    clearTimeout(timer);
    request.destroy();
    done(why);
  };
  const timer = setTimeout(() => end(`no answer within ${plan.timeout} ms`), plan.timeout);
  const request = open(plan);
  request.on('response', ({ statusCode = 0 }) => end(plan.good(statusCode) ? null : `status ${statusCode}`));
  request.on('error', (error: NodeJS.ErrnoException) => end(error.code ?? 'it cannot be reached'));
  request.end();
  return () => {
    over = true;
    clearTimeout(timer);
    request.destroy();
  };
}

function open({ connect, port, path, host, tls: options, name }: ProbePlan): ClientRequest {
  const where = {
    host: connect,
    port,
    path,
    // A kept connection would say little about the next one.
    agent: false as const,
    headers: { host, 'user-agent': 'sluice-health', connection: 'close' },
  };
  if (options === null) return httpRequest(where);
  const { ca, cert, key, verify } = options;
  const expected = options.serverName ?? name;
  return httpsRequest({
    ...where,
    ...(ca === undefined ? null : { ca }),
    ...(cert === undefined ? null : { cert }),
    ...(key === undefined ? null : { key }),
    ...(isIP(expected) === 0 ? { servername: expected } : { servername: '' }),
    checkServerIdentity: (_host, certificate) => tls.checkServerIdentity(expected, certificate),
    rejectUnauthorized: verify ?? true,
  });
}
