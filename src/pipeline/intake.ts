import { fault, type Fault } from '../contracts/fault.ts';
import { removeFields } from '../lib/fields.ts';
import { parseHost } from '../lib/host.ts';
import { parseTraceparent } from '../lib/ids.ts';
import { KNOWN_METHODS } from '../lib/methods.ts';
import { normalisePath, validQuery } from '../lib/path.ts';
import { matchMethod } from '../lib/preflight.ts';
import type { Exchange } from './exchange.ts';
import { CLAIM, CODING, CONNECTION, DROP, HOST, LENGTH, PASS, SECRET, TRACE } from './field-kind.ts';
import type { Field } from './field-kind.ts';
import { applyTrusted, Claims } from './forwarded.ts';
import { type Received, ReceivedList } from './received.ts';

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
export function admit(x: Exchange, received: Received): Fault | null {
  sortFields(x, received);
  const bad = frame(x) ?? target(x);
  if (bad !== null) return bad;
  if (!KNOWN_METHODS.has(x.method)) return fault('method_unknown');
  if (x.method === 'OPTIONS') x.matchMethod = matchMethod(x.method, x.headers);
  return null;
}

const list = new ReceivedList();

/** As `admit`, of what stands in `x.headers`. */
export const admitList = (x: Exchange): Fault | null => admit(x, list.of(x.headers));

function sortFields(x: Exchange, received: Received): void {
  const { runtime } = x;
  const { count } = received;
  const trusted = runtime.trusts(x.peer);
  seen.hosts = seen.lengths = seen.codings = 0;
  seen.connection = seen.unclear = '';
  if (trusted) seen.claims.reset();
  for (let i = 0; i < count; i++) {
    const field = received.field(i);
    const passes =
      field.kind === PASS ? !field.isAmong(runtime.identityHeaders) : heed(x, field, received, i, trusted);
    if (passes) received.keep(i);
  }
  received.give(x);
  if (seen.connection !== '') dropListed(x, seen.connection);
  if (trusted) applyTrusted(x, seen.claims);
}

/** Notes a field that matters to the gateway itself; answers whether it goes on to the upstream as it is. */
function heed(x: Exchange, { name, kind }: Field, received: Received, at: number, trusted: boolean): boolean {
  if (kind === DROP) return false;
  if (kind === SECRET) {
    if (!received.ascii && !isAscii(received.value(at))) seen.unclear = name;
    return true;
  }
  const value = received.value(at);
  switch (kind) {
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
    default:
      return false;
  }
}

/** Bytes beyond ASCII at the ends of a value may have been trimmed: what rules a connection or lets one in must have none. */
const isAscii = (value: string): boolean => Buffer.byteLength(value) === value.length;

/** RFC 9110 section 7.6.1: fields listed in Connection are for this hop only. */
function dropListed(x: Exchange, connection: string): void {
  if (connection === 'keep-alive') return;
  const listed = new Set<string>();
  for (const option of connection.toLowerCase().split(',')) {
    const name = option.trim();
    if (name === 'close') {
      x.closing = true;
      x.closingOnly = connection.length === name.length;
    } else if (name !== '' && name !== 'keep-alive') listed.add(name);
  }
  // In one pass, however many a client lists.
  if (listed.size > 0) removeFields(x.headers, listed);
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
