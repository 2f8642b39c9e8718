import { fault, type Fault } from '../contracts/fault.ts';
import { parseHost } from '../lib/host.ts';
import { parseTraceparent } from '../lib/ids.ts';
import { KNOWN_METHODS } from '../lib/methods.ts';
import { dashed } from '../lib/name-set.ts';
import { normalisePath, validQuery } from '../lib/path.ts';
import { matchMethod } from '../lib/preflight.ts';
import type { Exchange } from './exchange.ts';
import { applyTrusted, Claims } from './forwarded.ts';

// What a request field is to a gateway. Everything else is end-to-end and passes.
const PASS = 0;
const DROP = 1;
const HOST = 2;
const LENGTH = 3;
const CODING = 4;
const CONNECTION = 5;
const CLAIM = 6;
const TRACE = 7;
const SECRET = 8;

/** By length first: one comparison or two per field instead of hashing every name. */
function classify(name: string): number {
  switch (name.length) {
    case 2:
      return name === 'te' ? DROP : PASS;
    case 4:
      return name === 'host' ? HOST : PASS;
    case 6:
      return name === 'expect' ? DROP : PASS;
    case 7:
      return name === 'upgrade' || name === 'trailer' ? DROP : PASS;
    case 9:
      return name === 'forwarded' || name === 'x-real-ip' ? CLAIM : PASS;
    case 10:
      if (name === 'connection') return CONNECTION;
      return name === 'keep-alive' ? DROP : PASS;
    case 11:
      return name === 'traceparent' ? TRACE : PASS;
    case 12:
      return name === 'x-request-id' ? CLAIM : PASS;
    case 13:
      return name === 'authorization' ? SECRET : PASS;
    case 14:
      if (name === 'content-length') return LENGTH;
      return name === 'http2-settings' ? DROP : PASS;
    case 16:
      if (name === 'proxy-connection') return DROP;
      break;
    case 17:
      if (name === 'transfer-encoding') return CODING;
      break;
    case 19:
      return name === 'proxy-authorization' ? DROP : PASS;
  }
  return name.startsWith('x-forwarded-') ? CLAIM : PASS;
}

/** What one pass over the fields finds. One object for all requests: the intake is synchronous. */
const seen = {
  hosts: 0,
  lengths: 0,
  codings: 0,
  host: '',
  length: '',
  coding: '',
  connection: '',
  /** Name of a field whose value is not what was sent. */
  unclear: '',
  claims: new Claims(),
};

/**
 * Checks and sorts what an edge has received, before anything else sees it: framing (RFC 9112 section 6),
 * Host, target, method; leaves only end-to-end fields in `x.headers`; works out who the client is.
 * A fault means: answer it and, when `x.poisoned`, end the connection.
 */
export function admit(x: Exchange): Fault | null {
  sortFields(x);
  const bad = frame(x) ?? target(x);
  if (bad !== null) return bad;
  if (!KNOWN_METHODS.has(x.method)) return fault('method_unknown');
  x.matchMethod = matchMethod(x.method, x.headers);
  return null;
}

function sortFields(x: Exchange): void {
  const { headers, runtime } = x;
  const trusted = runtime.trusts(x.peer);
  seen.hosts = seen.lengths = seen.codings = 0;
  seen.connection = seen.unclear = '';
  if (trusted) seen.claims.reset();
  let kept = 0;
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i]!;
    const value = headers[i + 1]!;
    if (!passes(x, name, value, trusted)) continue;
    headers[kept] = name;
    headers[kept + 1] = value;
    kept += 2;
  }
  // Setting `length` leaves compiled code; usually Host alone is to go.
  while (headers.length > kept) headers.pop();
  if (seen.connection !== '') dropListed(x, seen.connection);
  if (trusted) applyTrusted(x, seen.claims);
}

/** Whether a field goes on to the upstream as it is; notes those that matter to the gateway itself. */
function passes(x: Exchange, name: string, value: string, trusted: boolean): boolean {
  const kind = mayMimic(name) ? (classify(dashed(name)) === PASS ? PASS : DROP) : classify(name);
  switch (kind) {
    case PASS:
      return !x.runtime.identityHeaders.has(name);
    case HOST:
      seen.hosts++;
      seen.host = value;
      return false;
    case LENGTH:
      seen.lengths++;
      seen.length = value;
      return false;
    case CODING:
      seen.codings++;
      seen.coding = value;
      return false;
    case CONNECTION:
      if (!isAscii(value)) seen.unclear = name;
      seen.connection = seen.connection === '' ? value : `${seen.connection},${value}`;
      return false;
    case CLAIM:
      return trusted && seen.claims.keep(name, value);
    case TRACE: {
      const traceId = x.traceparent === '' ? parseTraceparent(value) : null;
      if (traceId !== null) x.continueTrace(traceId, value);
      return false;
    }
    case SECRET:
      if (!isAscii(value)) seen.unclear = name;
      return true;
    default:
      return false;
  }
}

/**
 * A name with `_` is never one of ours, but an origin may read it as one of ours. Those of ours that have a dash
 * begin with one of few letters, which spares most names the search.
 */
function mayMimic(name: string): boolean {
  switch (name.charCodeAt(0)) {
    case 0x63: // content-length
    case 0x68: // http2-settings
    case 0x6b: // keep-alive
    case 0x70: // proxy-connection, proxy-authorization
    case 0x74: // transfer-encoding
    case 0x78: // x-forwarded-*, x-real-ip, x-request-id
      return name.indexOf('_') >= 0;
    default:
      return false;
  }
}

/** Bytes beyond ASCII at the ends of a value may have been trimmed: what rules a connection or lets one in must have none. */
const isAscii = (value: string): boolean => Buffer.byteLength(value) === value.length;

/** RFC 9110 section 7.6.1: fields listed in Connection are for this hop only. */
function dropListed(x: Exchange, connection: string): void {
  for (const option of connection.toLowerCase().split(',')) {
    const name = option.trim();
    if (name === 'close') {
      x.closing = true;
      x.closingOnly = connection.length === name.length;
    } else if (name !== '' && name !== 'keep-alive') x.removeHeader(name);
  }
}

/** RFC 9112 section 6.3: exactly one way to know where the body ends, or none of it is believed. */
function frame(x: Exchange): Fault | null {
  if (seen.unclear !== '') return poison(x, `the value of ${seen.unclear} is not ASCII`);
  if (seen.lengths > 1) return poison(x, 'Content-Length is given more than once');
  if (seen.codings > 1 || (seen.codings === 1 && seen.coding.toLowerCase() !== 'chunked'))
    return poison(x, 'Transfer-Encoding must be chunked');
  if (seen.codings === 1 && seen.lengths === 1)
    return poison(x, 'Content-Length and Transfer-Encoding are both given');
  if (seen.lengths === 1 && !/^\d{1,15}$/.test(seen.length))
    return poison(x, 'Content-Length is not a number');
  if (seen.codings === 1) x.bodyLength = -1;
  else if (seen.lengths === 1) x.bodyLength = Number(seen.length);
  x.hasLength = seen.lengths === 1;
  return null;
}

function target(x: Exchange): Fault | null {
  const host = seen.hosts === 1 ? parseHost(seen.host) : null;
  if (host === null) return poison(x, 'Host must be given once and be a valid authority');
  x.host = host;
  x.authority = seen.host;
  if (x.forwardedHost === '') x.forwardedHost = seen.host;
  const path = normalisePath(x.path);
  if (path === null)
    return fault('bad_request', 'the path is not valid, or hides a separator behind an escape');
  if (!validQuery(x.query)) return fault('bad_request', 'the query is not valid');
  x.path = x.requestPath = path;
  x.requestQuery = x.query;
  return null;
}

function poison(x: Exchange, detail: string): Fault {
  x.poisoned = true;
  return fault('bad_request', detail);
}
