/** One HTTP/1.1 reply, taken from the wire. */
export interface WireReply {
  readonly status: number;
  readonly reason: string;
  /** Name and value pairs in the order and case of the wire. */
  readonly fields: readonly (readonly [string, string])[];
  /** Values of a field joined by ", "; undefined when it is not there. Names are compared without case. */
  get(name: string): string | undefined;
  readonly body: Buffer;
  readonly trailers: readonly (readonly [string, string])[];
  /** How the end of the body was told (RFC 9112, section 6.3). */
  readonly framing: 'none' | 'length' | 'chunked' | 'close';
}

export interface Parsed {
  readonly reply: WireReply;
  /** Bytes after the reply. */
  readonly rest: Buffer;
}

/** The bytes are not well-formed HTTP/1.1. */
export class MalformedReply extends Error {}

type Field = readonly [string, string];

const STATUS_LINE = /^HTTP\/1\.1 ([1-5][0-9][0-9]) ([\t\x20-\x7e\x80-\xff]*)$/;
const FIELD_LINE =
  /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*((?:[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?)[ \t]*$/;

/**
 * Takes one reply off the front of `bytes`; null when more bytes are needed. Far stricter than RFC 9112 asks of a
 * recipient, because it judges what the gateway sends: throws MalformedReply on the slightest slip.
 * `method` is that of the request; `closed` says that no more bytes will come.
 */
export function parseReply(bytes: Buffer, method = 'GET', closed = false): Parsed | null {
  const headEnd = bytes.indexOf('\r\n\r\n');
  if (headEnd < 0) return null;
  const [statusLine = '', ...lines] = bytes.toString('latin1', 0, headEnd).split('\r\n');
  const [, code, reason = ''] =
    STATUS_LINE.exec(statusLine) ?? fail(`status line ${JSON.stringify(statusLine)}`);
  const status = Number(code);
  const fields = lines.map(parseField);
  const body = readBody(bytes.subarray(headEnd + 4), status, method, fields, closed);
  if (body === null) return null;
  const { data, trailers, framing, rest } = body;
  const get = (name: string) => values(fields, name).join(', ') || undefined;
  return { reply: { status, reason, fields, get, body: data, trailers, framing }, rest };
}

interface Body {
  readonly data: Buffer;
  readonly trailers: Field[];
  readonly framing: WireReply['framing'];
  readonly rest: Buffer;
}

function readBody(
  bytes: Buffer,
  status: number,
  method: string,
  fields: Field[],
  closed: boolean,
): Body | null {
  const lengths = values(fields, 'content-length');
  const codings = values(fields, 'transfer-encoding');
  if (lengths.length + codings.length > 1) fail('more than one Content-Length or Transfer-Encoding');
  const bodiless = status < 200 || status === 204;
  if (bodiless && lengths.length + codings.length > 0) fail(`framing fields in a ${status}`);
  if (codings.length > 0 && codings[0] !== 'chunked') fail(`transfer coding ${codings[0]}`);
  if (lengths.length > 0 && !/^[0-9]{1,15}$/.test(lengths[0] ?? '')) fail(`length ${lengths[0]}`);
  const none = { data: Buffer.alloc(0), trailers: [] };
  if (bodiless || status === 304 || method === 'HEAD') return { ...none, framing: 'none', rest: bytes };
  if (codings.length > 0) return readChunks(bytes);
  if (lengths.length === 0)
    return closed ? { ...none, data: bytes, framing: 'close', rest: none.data } : null;
  const length = Number(lengths[0]);
  if (bytes.length < length) return null;
  return { ...none, data: bytes.subarray(0, length), framing: 'length', rest: bytes.subarray(length) };
}

function readChunks(bytes: Buffer): Body | null {
  const chunks: Buffer[] = [];
  let at = 0;
  for (;;) {
    const lineEnd = bytes.indexOf('\r\n', at);
    if (lineEnd < 0) return null;
    const line = bytes.toString('latin1', at, lineEnd);
    if (!/^[0-9A-Fa-f]{1,8}$/.test(line)) fail(`chunk size ${JSON.stringify(line)}`);
    const size = parseInt(line, 16);
    at = lineEnd + 2;
    if (size === 0) return readTrailers(bytes, at, Buffer.concat(chunks));
    if (bytes.length < at + size + 2) return null;
    chunks.push(bytes.subarray(at, at + size));
    at += size;
    if (bytes.toString('latin1', at, at + 2) !== '\r\n') fail('no CRLF after a chunk');
    at += 2;
  }
}

function readTrailers(bytes: Buffer, from: number, data: Buffer): Body | null {
  const trailers: Field[] = [];
  for (let at = from; ;) {
    const end = bytes.indexOf('\r\n', at);
    if (end < 0) return null;
    if (end === at) return { data, trailers, framing: 'chunked', rest: bytes.subarray(at + 2) };
    trailers.push(parseField(bytes.toString('latin1', at, end)));
    at = end + 2;
  }
}

function parseField(line: string): Field {
  const [, name = '', value = ''] = FIELD_LINE.exec(line) ?? fail(`field line ${JSON.stringify(line)}`);
  return [name, value];
}

function values(fields: readonly Field[], name: string): string[] {
  return fields.filter(([each]) => each.toLowerCase() === name.toLowerCase()).map(([, value]) => value);
}

function fail(what: string): never {
  throw new MalformedReply(`malformed reply: ${what}`);
}
