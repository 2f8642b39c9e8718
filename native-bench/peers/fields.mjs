import { randomUUID } from 'node:crypto';

/** How long an idle connection of a client is kept, as nginx does unless told; Node closes after 5 seconds. */
export const KEEP_ALIVE_MS = 75_000;

/** The origin's `Connection` is about its own connection; the client would take it for one about its own. */
export function withoutConnection(headers) {
  delete headers.connection;
  return headers;
}

/** What every contestant adds for the origin; the client's `Connection` is about the client's connection only. */
export function forwarded(headers, request) {
  const { host } = request.headers;
  headers.host = host;
  headers['x-forwarded-for'] = request.socket.remoteAddress;
  headers['x-forwarded-proto'] = 'http';
  headers['x-forwarded-host'] = host;
  headers['x-request-id'] = randomUUID();
  delete headers.connection;
  return headers;
}
