import { dashed } from '../lib/name-set.ts';

// What a request field is to a gateway; what is none of these is end-to-end and passes.
export const PASS = 0;
export const DROP = 1;
export const HOST = 2;
export const LENGTH = 3;
export const CODING = 4;
export const CONNECTION = 5;
export const CLAIM = 6;
export const TRACE = 7;
export const SECRET = 8;

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

/** What is known of a field by its name: one object, and one string, for all requests that carry it. */
export interface Field {
  readonly name: string;
  /** One of the constants above. */
  readonly kind: number;
}

const MOST = 1_000;
const LONGEST = 64;
const known = new Map<string, Field>();
/** What the last request carried at each place: most carry what the one before carried. */
const recent: Field[] = [];

/** The field of that name; `at`: its place in the request. */
export function fieldAt(at: number, name: string): Field {
  const last = at < recent.length ? recent[at]! : undefined;
  if (last !== undefined && last.name === name) return last;
  const field = fieldOf(name);
  // Places are even: names and values take turns.
  if (at <= recent.length && at < MOST) recent[at] = recent[at + 1] = field;
  return field;
}

/** Names are remembered within bounds: hostile variety costs a rebuild now and then, never memory. */
function fieldOf(name: string): Field {
  let field = known.get(name);
  if (field !== undefined) return field;
  field = { name, kind: kindOf(name) };
  if (name.length > LONGEST) return field;
  if (known.size >= MOST) known.clear();
  known.set(name, field);
  return field;
}

function kindOf(name: string): number {
  if (!mayMimic(name)) return classify(name);
  return classify(dashed(name)) === PASS ? PASS : DROP;
}
