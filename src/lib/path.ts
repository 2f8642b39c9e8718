const PERCENT = 0x25;
const DOT = 0x2e;
const SLASH = 0x2f;
const BACKSLASH = 0x5c;

/** Printable ASCII without space, `\`, and the delimiters that would end a path for its next reader. */
const LEGAL = /^\/[!"$->@-[\]-~]*$/;
/** What makes a path worth more than this one look: an illegal character, an escape or a possible dot segment. */
const NOTABLE = /[^!"$&->@-[\]-~]|\/\./;
const ILLEGAL_IN_QUERY = /[^!"$-~]/;

/**
 * The one form of a request path that is matched, logged and forwarded: escapes of unreserved characters
 * decoded (RFC 3986 section 6.2.2.2), then dot segments resolved and clamped at the root (section 5.2.4).
 * `//`, a trailing `/` and every other escape stay as written. Idempotent; linear in time.
 *
 * Null = answer 400: not beginning with `/`; a character that no path may hold as it is (control
 * characters, space, DEL, non-ASCII, `\`, `?`, `#`); a bad escape; or an encoded `/`, `\` or NUL, which
 * servers behind the gateway decode in different ways.
 *
 * A path without `%` and `/.` costs one scan and is returned as it is.
 */
export function normalisePath(path: string): string | null {
  if (path.charCodeAt(0) !== SLASH) return null;
  if (!NOTABLE.test(path)) return path;
  return LEGAL.test(path) ? resolve(path) : null;
}

/** Whether a query (without its `?`) can be forwarded as it is: no control, space, non-ASCII or `#`. */
export function validQuery(query: string): boolean {
  return query === '' || !ILLEGAL_IN_QUERY.test(query);
}

/** Reused: a path is resolved in one go, and only ever shrinks. */
let scratch = Buffer.allocUnsafe(1024);

/** Decodes and resolves in one pass, so that it does not matter how a dot was written. */
function resolve(path: string): string | null {
  if (scratch.length < path.length) scratch = Buffer.allocUnsafe(path.length);
  let length = 0;
  for (let at = 0; at < path.length; at++) {
    let code = path.charCodeAt(at);
    if (code === SLASH) length = dropDots(length);
    else if (code === PERCENT) {
      const byte = decodeEscape(path, at);
      if (byte <= 0 || byte === SLASH || byte === BACKSLASH) return null;
      if (isUnreserved(byte)) {
        code = byte;
        at += 2;
      }
    }
    scratch[length++] = code;
  }
  const kept = dropDots(length);
  // What a closing dot segment names is a directory: its slash stays.
  if (kept < length) scratch[kept] = SLASH;
  return scratch.toString('latin1', 0, kept < length ? kept + 1 : length);
}

/** Takes a closing `/.`, or `/..` with the segment before it, off the first `length` bytes; answers what is left. */
function dropDots(length: number): number {
  if (length < 2 || scratch[length - 1] !== DOT) return length;
  if (scratch[length - 2] === SLASH) return length - 2;
  if (length < 3 || scratch[length - 2] !== DOT || scratch[length - 3] !== SLASH) return length;
  let kept = length - 3;
  while (kept > 0 && scratch[--kept] !== SLASH);
  return kept;
}

/** The byte that the escape at `at` (the index of its `%`) stands for; -1 = not an escape. */
export function decodeEscape(text: string, at: number): number {
  const high = hexDigit(text.charCodeAt(at + 1));
  const low = hexDigit(text.charCodeAt(at + 2));
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const lower = code | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

/** RFC 3986 section 2.3. */
function isUnreserved(byte: number): boolean {
  if (byte === 0x2d || byte === DOT || byte === 0x5f || byte === 0x7e) return true;
  const lower = byte | 0x20;
  return (byte >= 0x30 && byte <= 0x39) || (lower >= 0x61 && lower <= 0x7a);
}
