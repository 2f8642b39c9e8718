import type { Runtime } from '../contracts/runtime.ts';
import { dashed } from '../lib/name-set.ts';
import { Expected } from '../lib/words.ts';

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
export class Field {
  readonly name: string;
  /** One of the constants above. */
  readonly kind: number;
  #start: Expected | null = null;
  /** The set that was asked last, and what it said. */
  #asked: NameSet | null = null;
  #among = false;

  constructor(name: string) {
    this.name = name;
    this.kind = kindOf(name);
  }

  /** The name, the colon and one space. Made when a second request is looked through for it: most odd names come once. */
  get start(): Expected {
    return (this.#start ??= this.name.length > LONGEST ? NEVER : new Expected(`${this.name}: `));
  }

  /** Whether its name is in a set: a question that is asked for every field of every request, about one set mostly. */
  isAmong(names: NameSet): boolean {
    if (this.#asked !== names) {
      this.#asked = names;
      this.#among = names.has(this.name);
    }
    return this.#among;
  }
}

type NameSet = Runtime['identityHeaders'];

const MOST = 1_000;
const LONGEST = 64;
/** Of longer names: it is found nowhere. */
const NEVER = new Expected('');
const known = new Map<string, Field>();

/** The field of a name in lower case. Remembered within bounds: hostile variety costs a rebuild now and then, never memory. */
export function fieldOf(name: string): Field {
  let field = known.get(name);
  if (field !== undefined) return field;
  field = new Field(name);
  if (name.length > LONGEST) return field;
  if (known.size >= MOST) known.clear();
  known.set(name, field);
  return field;
}

function kindOf(name: string): number {
  if (!mayMimic(name)) return classify(name);
  return classify(dashed(name)) === PASS ? PASS : DROP;
}
