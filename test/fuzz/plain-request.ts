/**
 * A second reading of RFC 9112 for requests: slow, whole messages only. Where an edge is known to read otherwise
 * (README, "Which edge when") its rules say so, so that nothing else may differ.
 */
export interface Rules {
  /** What a reader may let pass (RFC 9112 sections 2.2 and 3): line ends before a request, several spaces in its line. */
  readonly loose: boolean;
  /** The uws addon: high bytes at the ends of values are trimmed, a field without name hides those behind it. */
  readonly addonFields: boolean;
  /** The uws addon: its own reading of chunks, after which the connection ends. */
  readonly addonChunks: boolean;
}

export const STRICT: Rules = { loose: false, addonFields: false, addonChunks: false };

export type Field = readonly [name: string, value: string];

/** One complete request; one character a byte everywhere. */
export interface PlainRequest {
  readonly method: string;
  readonly target: string;
  /** Names in lower case. */
  readonly fields: readonly Field[];
  readonly body: string;
  readonly chunked: boolean;
  readonly end: number;
}

export interface Reading {
  readonly requests: readonly PlainRequest[];
  /** What comes behind them: nothing, a request that is not complete, what is none, or what must not be looked at. */
  readonly rest: 'nothing' | 'incomplete' | 'bad' | 'ended';
}

const REQUEST_LINE = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+) ([^\x00-\x20\x7f]+) HTTP\/1\.([01])$/;
/** The addon takes anything for a method, and DEL for a letter: the gateway refuses the request, and reads on. */
const ADDON_LINE = /^([^\x00-\x20]+) ([^\x00-\x20]+) HTTP\/1\.([01])$/;
// DEL is no worse than a letter (RFC 9110 section 5.5).
const FIELD_LINE = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):([\t\x20-\xff]*)$/;

interface Part extends PlainRequest {
  /** Nothing behind it is a request. */
  readonly last: boolean;
}
type Incomplete = 'incomplete' | 'bad';

/** Reads all that a client has sent on one connection. */
export function plainRequests(text: string, rules: Rules): Reading {
  const requests: PlainRequest[] = [];
  for (let at = 0; ;) {
    while (rules.loose && /[\r\n]/.test(text.charAt(at))) at++;
    if (at === text.length) return { requests, rest: 'nothing' };
    const next = plainRequest(text, at, rules);
    if (typeof next === 'string') return { requests, rest: next };
    requests.push(next);
    if (next.last) return { requests, rest: 'ended' };
    at = next.end;
  }
}

function plainRequest(text: string, start: number, rules: Rules): Part | Incomplete {
  const lines: string[] = [];
  let at = start;
  for (;;) {
    const end = text.indexOf('\n', at);
    if (end < 0) return 'incomplete';
    if (text[end - 1] !== '\r' || end === at) return 'bad';
    const line = text.slice(at, end - 1);
    at = end + 1;
    if (line === '' && lines.length > 0) break;
    lines.push(line);
  }
  const [, method, target, minor] =
    (rules.addonFields ? ADDON_LINE : REQUEST_LINE).exec(
      rules.loose ? lines[0]!.replace(/ +/g, ' ') : lines[0]!,
    ) ?? [];
  if (method === undefined || target === undefined) return 'bad';
  const fields = plainFields(lines.slice(1), rules);
  if (fields === null) return 'bad';
  const body = plainBody(text, at, fields, rules);
  if (typeof body === 'string') return body;
  const options = valuesOf(fields, 'connection').flatMap((value) => value.toLowerCase().split(',').map(trim));
  const old = minor === '0' && (!options.includes('keep-alive') || body.chunked);
  const last = old || options.includes('close') || (body.chunked && rules.addonChunks);
  return { method, target, fields, ...body, last };
}

function plainFields(lines: readonly string[], { addonFields }: Rules): Field[] | null {
  const fields: Field[] = [];
  for (const line of lines) {
    if (addonFields && /^:/.test(line)) break;
    const [, name, value] = FIELD_LINE.exec(line) ?? [];
    if (name === undefined || value === undefined) return null;
    fields.push([name.toLowerCase(), addonFields ? trimHigh(value) : trim(value)]);
  }
  return fields;
}

const trim = (value: string): string => value.replace(/^[ \t]+|[ \t]+$/g, '');
export const trimHigh = (value: string): string => value.replace(/^[ \t\x80-\xff]+|[ \t\x80-\xff]+$/g, '');

/** Values of a field, in order. */
export const valuesOf = (fields: readonly Field[], name: string): string[] =>
  fields.filter(([each]) => each === name).map(([, value]) => value);

interface Body {
  readonly body: string;
  readonly chunked: boolean;
  readonly end: number;
}

function plainBody(text: string, at: number, fields: readonly Field[], rules: Rules): Body | Incomplete {
  const lengths = valuesOf(fields, 'content-length');
  const codings = valuesOf(fields, 'transfer-encoding');
  if (lengths.length + codings.length > 1) return 'bad';
  if (codings.length > 0) {
    if (codings[0]!.toLowerCase() !== 'chunked') return 'bad';
    const body = rules.addonChunks ? addonChunks(text, at) : plainChunks(text, at);
    return typeof body === 'string' ? body : { ...body, chunked: true };
  }
  if (lengths.length > 0 && !/^\d{1,15}$/.test(lengths[0]!)) return 'bad';
  const end = at + Number(lengths[0] ?? 0);
  return end > text.length ? 'incomplete' : { body: text.slice(at, end), chunked: false, end };
}

function plainChunks(text: string, from: number): { body: string; end: number } | Incomplete {
  let body = '';
  for (let at = from; ;) {
    const lineEnd = text.indexOf('\r\n', at);
    if (lineEnd < 0) return 'incomplete';
    const [, digits] =
      /^([0-9a-fA-F]+)(?:[ \t]*;[\t\x20-\x7e\x80-\xff]*)?$/.exec(text.slice(at, lineEnd)) ?? [];
    const size = parseInt(digits ?? '', 16);
    if (!Number.isSafeInteger(size)) return 'bad';
    at = lineEnd + 2;
    if (size === 0) {
      const end = trailersEnd(text, at);
      return typeof end === 'string' ? end : { body, end };
    }
    if (text.length < at + size + 2) return 'incomplete';
    body += text.slice(at, at + size);
    at += size;
    if (!text.startsWith('\r\n', at)) return 'bad';
    at += 2;
  }
}

function trailersEnd(text: string, from: number): number | Incomplete {
  for (let at = from; ;) {
    const end = text.indexOf('\r\n', at);
    if (end < 0) return 'incomplete';
    if (end === at) return at + 2;
    if (!FIELD_LINE.test(text.slice(at, end))) return 'bad';
    at = end + 2;
  }
}

/** How the addon reads chunks: all bytes above space are digits, and whatever two bytes follow a chunk are its end. */
function addonChunks(text: string, from: number): { body: string; end: number } | Incomplete {
  let body = '';
  for (let at = from; ;) {
    let size = 0;
    for (; at < text.length && text.charCodeAt(at) > 32 && text.charCodeAt(at) < 128; at++) {
      const code = text.charCodeAt(at);
      const digit = code - (code >= 97 ? 39 : code >= 65 ? 7 : 0) - 48;
      if (digit < 0 || digit > 16 || size > 2 ** 53) return 'bad';
      size = size * 16 + digit;
    }
    at = text.indexOf('\n', at) + 1;
    if (at === 0 || text.length < at + size + (size > 0 ? 2 : 0)) return 'incomplete';
    body += text.slice(at, at + size);
    at += size + 2;
    if (size === 0) return { body, end: Math.min(at, text.length) };
  }
}
