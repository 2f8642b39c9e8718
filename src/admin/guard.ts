import { createHash, timingSafeEqual } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { AdminGrant } from '../contracts/config.ts';
import { problem } from './refusal.ts';

type Role = AdminGrant['role'];

/** Who may do what: each role may do what those before it may. */
const RANKS: Readonly<Record<Role, number>> = { read: 0, write: 1, admin: 2 };

declare module 'fastify' {
  interface FastifyRequest {
    /** Who asks, for the log and the history of changes. */
    actor: string;
  }
  interface FastifyContextConfig {
    /** The least role that may use the route; default: read for GET and HEAD, else write. */
    role?: Role;
  }
}

/**
 * The hook in front of `/api/v1`: a bearer token from `admin.tokens` with a role that suffices. Without any token
 * configured only this machine is served, and no web page: neither by a name of its own that was pointed here
 * (DNS rebinding) nor from another origin.
 * @param grants The tokens of the present configuration.
 */
export function makeGuard(grants: () => readonly AdminGrant[]) {
  return async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply | undefined> => {
    const known = grants();
    const grant = known.length === 0 ? local(request) : bearer(request, known);
    if (grant === null) {
      if (known.length === 0) return problem(reply, 'forbidden', 'Without a token only loopback is served.');
      reply.header('www-authenticate', 'Bearer realm="sluice-admin"');
      return problem(reply, 'unauthorized', 'A bearer token is needed.');
    }
    request.actor = grant.name === '' ? grant.role : grant.name;
    if (RANKS[grant.role] < RANKS[needed(request)])
      return problem(reply, 'forbidden', 'The role of this token does not suffice.');
    return undefined;
  };
}

function needed({ method, routeOptions }: FastifyRequest): Role {
  return routeOptions.config.role ?? (method === 'GET' || method === 'HEAD' ? 'read' : 'write');
}

/** Compares with every token and by digest, so that time tells neither which one nor how much of it fits. */
function bearer({ headers }: FastifyRequest, grants: readonly AdminGrant[]): AdminGrant | null {
  const [, token] = /^Bearer +([^ ]+)$/i.exec(headers.authorization ?? '') ?? [];
  if (token === undefined) return null;
  const shown = digest(token);
  let found: AdminGrant | null = null;
  for (const grant of grants) if (timingSafeEqual(shown, digest(grant.token))) found = grant;
  return found;
}

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

const LOOPBACK_ADDRESS = /^(?:::ffff:)?127\.\d+\.\d+\.\d+$|^::1$/;
const LOOPBACK_HOST = /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])(?::\d+)?$/i;

function local({ headers, socket }: FastifyRequest): AdminGrant | null {
  const { host = '', origin } = headers;
  const here = LOOPBACK_ADDRESS.test(socket.remoteAddress ?? '') && LOOPBACK_HOST.test(host);
  const own = origin === undefined || origin.toLowerCase() === `http://${host.toLowerCase()}`;
  return here && own ? { token: '', role: 'admin', name: 'loopback' } : null;
}
