import type { Headers } from './http.ts';

/** Whose doing a failure is: only `upstream` ever counts against a target. */
export type Side = 'client' | 'gateway' | 'upstream';

interface FaultKind {
  readonly status: number;
  readonly side: Side;
  readonly title: string;
  /** `error` parameter of Proxy-Status (RFC 9209 section 2.3), where an upstream is at fault. */
  readonly proxy: string | null;
}

const kind = (status: number, side: Side, title: string, proxy: string | null = null): FaultKind =>
  Object.freeze({ status, side, title, proxy });

/**
 * Every way in which an exchange can fail, in one table: the code is the last part of the problem type
 * `urn:sluice:problem:CODE` and the `error` field of the access log.
 */
export const FAULTS = Object.freeze({
  bad_request: kind(400, 'client', 'Bad request'),
  unauthorized: kind(401, 'client', 'Unauthorized'),
  forbidden: kind(403, 'client', 'Forbidden'),
  insufficient_scope: kind(403, 'client', 'Forbidden'),
  not_found: kind(404, 'client', 'No route matches'),
  method_not_allowed: kind(405, 'client', 'Method not allowed'),
  body_timeout: kind(408, 'client', 'The request body stalled'),
  conflict: kind(409, 'client', 'Conflict'),
  length_required: kind(411, 'client', 'Length required'),
  precondition_failed: kind(412, 'client', 'Precondition failed'),
  body_too_large: kind(413, 'client', 'Request body too large'),
  media_type: kind(415, 'client', 'Unsupported media type'),
  unprocessable: kind(422, 'client', 'Unprocessable content'),
  rate_limited: kind(429, 'client', 'Too many requests'),
  headers_too_large: kind(431, 'client', 'Request header fields too large'),
  client_left: kind(499, 'client', 'The client left'),
  internal: kind(500, 'gateway', 'Internal error'),
  method_unknown: kind(501, 'client', 'Method not implemented'),
  connect_refused: kind(502, 'upstream', 'Upstream refused the connection', 'connection_refused'),
  dns: kind(502, 'upstream', 'Upstream name could not be resolved', 'dns_error'),
  tls: kind(502, 'upstream', 'Upstream certificate or TLS failure', 'tls_certificate_error'),
  reset: kind(502, 'upstream', 'Upstream closed the connection', 'connection_terminated'),
  bad_reply: kind(502, 'upstream', 'Upstream sent an invalid reply', 'http_protocol_error'),
  reply_cut: kind(502, 'upstream', 'Upstream reply was cut short', 'http_response_incomplete'),
  no_target: kind(503, 'upstream', 'No upstream target is available', 'destination_unavailable'),
  pool_full: kind(503, 'gateway', 'Too many requests wait for this upstream', 'connection_limit_reached'),
  overload: kind(503, 'gateway', 'The gateway is at its limit'),
  breaker_open: kind(
    503,
    'gateway',
    'The upstream is failing and gets no requests',
    'destination_unavailable',
  ),
  upstream_busy: kind(503, 'gateway', 'The upstream is at its limit', 'connection_limit_reached'),
  auth_unavailable: kind(503, 'gateway', 'Callers cannot be identified at the moment'),
  store_away: kind(503, 'gateway', 'The store cannot be reached'),
  connect_timeout: kind(
    504,
    'upstream',
    'Upstream did not accept the connection in time',
    'connection_timeout',
  ),
  reply_timeout: kind(504, 'upstream', 'Upstream did not answer in time', 'http_response_timeout'),
  idle_timeout: kind(504, 'upstream', 'Upstream fell silent', 'http_response_timeout'),
});

export type FaultCode = keyof typeof FAULTS;

/** One failure of one exchange or attempt. `detail` is for clients: no address, no stack, no secret. */
export interface Fault {
  readonly code: FaultCode;
  readonly detail: string;
  /** More fields of the answer, checked: `WWW-Authenticate` ... */
  readonly headers?: Headers;
}

/** A fault with its detail (default: the title of its kind). */
export function fault(code: FaultCode, detail: string = FAULTS[code].title, headers?: Headers): Fault {
  return headers === undefined ? { code, detail } : { code, detail, headers };
}
