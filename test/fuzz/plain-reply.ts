/**
 * A second reading of RFC 9112 for replies: slow, whole messages only, written without a look at the one under test.
 * It draws the same lines where the RFC leaves a choice (src/upstream/h1/README.md).
 */
export interface PlainReply {
  /** `waiting`: more bytes must come, or with `untilClose` the end of the connection. */
  readonly state: 'done' | 'waiting' | 'bad';
  /** 0 = its head is not complete. */
  readonly status: number;
  /** The lines that go on to the client. */
  readonly block: string;
  readonly body: string;
  readonly untilClose: boolean;
  /** Whether another reply may follow. */
  readonly keepAlive: boolean;
  /** Where the reply ends. */
  readonly end: number;
}

const NO_REPLY = { status: 0, block: '', body: '', untilClose: false, keepAlive: false, end: 0 };
const WAITING: PlainReply = { ...NO_REPLY, state: 'waiting' };
const BAD: PlainReply = { ...NO_REPLY, state: 'bad' };

const STATUS_LINE = /^HTTP\/1\.([01]) ([1-5]\d\d)(?: [\t\x20-\x7e\x80-\xff]*)?$/;
const FIELD_LINE = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):([\t\x20-\x7e\x80-\xff]*)$/;
const HOP_BY_HOP =
  /^(te|date|upgrade|trailer|connection|keep-alive|content-length|proxy-connection|transfer-encoding|proxy-authenticate)$/;

/** Reads the first final reply of `text` (one character a byte). */
export function plainReply(text: string, bodyless: boolean): PlainReply {
  for (let at = 0, interim = 0; interim <= 32; interim++) {
    const head = plainHead(text, at);
    if (typeof head === 'string') return head === 'bad' ? BAD : WAITING;
    if (head.status === 101) return BAD;
    if (head.status >= 200) return plainBody(text, head, bodyless);
    at = head.end;
  }
  return BAD;
}

interface Head {
  readonly minor: string;
  readonly status: number;
  readonly fields: readonly { readonly name: string; readonly value: string; readonly line: string }[];
  readonly end: number;
}

function plainHead(text: string, start: number): Head | 'bad' | 'waiting' {
  const lines: string[] = [];
  let at = start;
  for (;;) {
    const end = text.indexOf('\n', at);
    if (end < 0) return text.length - start > 65_536 ? 'bad' : 'waiting';
    if (end + 1 - start > 65_536 || text[end - 1] !== '\r' || end === at) return 'bad';
    const line = text.slice(at, end - 1);
    at = end + 1;
    if (line === '' && lines.length > 0) break;
    if (!(lines.length === 0 ? STATUS_LINE : FIELD_LINE).test(line)) return 'bad';
    lines.push(line);
    if (lines.length > 257) return 'bad';
  }
  const [, minor = '', status = ''] = STATUS_LINE.exec(lines[0]!)!;
  const fields = lines.slice(1).map((line) => {
    const [, name = '', value = ''] = FIELD_LINE.exec(line)!;
    return { name: name.toLowerCase(), value: trim(value), line };
  });
  const head = { minor, status: Number(status), fields, end: at };
  return framed(head) ? head : 'bad';
}

const trim = (value: string): string => value.replace(/^[ \t]+|[ \t]+$/g, '');
const valuesOf = ({ fields }: Head, name: string): string[] =>
  fields.filter((field) => field.name === name).map((field) => field.value);

/** Whether there is at most one way to read where the body ends. */
function framed(head: Head): boolean {
  const lengths = valuesOf(head, 'content-length');
  const codings = valuesOf(head, 'transfer-encoding');
  if (lengths.some((value) => !/^\d{1,15}$/.test(value) || Number(value) !== Number(lengths[0])))
    return false;
  if (codings.length === 0) return true;
  return codings.length === 1 && /^chunked$/i.test(codings[0]!) && lengths.length === 0 && head.minor === '1';
}

function plainBody(text: string, head: Head, bodyless: boolean): PlainReply {
  const { status, end } = head;
  const options = valuesOf(head, 'connection')
    .flatMap((value) => value.split(','))
    .map((option) => trim(option).toLowerCase());
  const gone = (name: string) =>
    HOP_BY_HOP.test(name) || (options.includes(name) && !/^(close|keep-alive)$/.test(name));
  const kept = head.fields.filter(({ name }) => !gone(name));
  const block = kept.map(({ line }) => `${line}\r\n`).join('');
  const persists =
    !options.includes('close') && (head.minor === '1' || options.includes('keep-alive')) && lasting(head);
  const base = { ...NO_REPLY, status, block };
  const done = (body: string, at: number): PlainReply => ({
    ...base,
    state: 'done',
    body,
    end: at,
    keepAlive: persists,
  });

  const [length] = valuesOf(head, 'content-length');
  if (bodyless || status === 204 || status === 304) return done('', end);
  if (valuesOf(head, 'transfer-encoding').length > 0) {
    const chunked = plainChunks(text, end);
    if (chunked.state === 'done') return done(chunked.body, chunked.end);
    return { ...base, state: chunked.state, body: chunked.body };
  }
  if (length === undefined) return { ...base, state: 'waiting', body: text.slice(end), untilClose: true };
  const body = text.slice(end, end + Number(length));
  if (body.length === Number(length)) return done(body, end + body.length);
  return { ...base, state: 'waiting', body };
}

/** Whether the upstream keeps the connection for at least another second. */
function lasting(head: Head): boolean {
  const told = valuesOf(head, 'keep-alive').flatMap(
    (value) => /timeout=(\d+)/i.exec(value)?.[1]?.slice(0, 6) ?? [],
  );
  return told.length === 0 || Number(told.at(-1)) > 1;
}

interface Chunks {
  readonly state: PlainReply['state'];
  readonly body: string;
  readonly end: number;
}

function plainChunks(text: string, from: number): Chunks {
  let body = '';
  for (let at = from; ;) {
    const line = lineAt(text, at);
    if (line === null) return { state: 'waiting', body, end: 0 };
    const [, digits = ''] = /^([0-9a-fA-F]{1,15})(?:;[\t\x20-\x7e\x80-\xff]*)?$/.exec(line) ?? [];
    const size = parseInt(digits, 16);
    if (!Number.isSafeInteger(size) || line.length - digits.length - 1 > 1024)
      return { state: 'bad', body, end: 0 };
    at += line.length + 2;
    if (size === 0) return plainTrailers(text, at, body);
    body += text.slice(at, at + size);
    at += size;
    if (!'\r\n'.startsWith(text.slice(at, at + 2))) return { state: 'bad', body, end: 0 };
    if (text.length < at + 2) return { state: 'waiting', body, end: 0 };
    at += 2;
  }
}

function plainTrailers(text: string, from: number, body: string): Chunks {
  for (let at = from, size = 0; ;) {
    const line = lineAt(text, at);
    if (line === null) return { state: 'waiting', body, end: 0 };
    size += Math.max(0, line.length - 1);
    if (!/^[\t\x20-\x7e\x80-\xff]*$/.test(line) || size > 16_384) return { state: 'bad', body, end: 0 };
    at += line.length + 2;
    if (line === '') return { state: 'done', body, end: at };
  }
}

/** The line that begins at `at`, up to its LF; a line without CR before it keeps the LF and so is no valid line. */
function lineAt(text: string, at: number): string | null {
  const end = text.indexOf('\n', at);
  if (end < 0) return null;
  return text[end - 1] === '\r' && end > at ? text.slice(at, end - 1) : text.slice(at, end + 1);
}
