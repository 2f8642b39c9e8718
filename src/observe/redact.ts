/** What a hidden value is written as. */
export const HIDDEN = '***';

/**
 * A query with the values of the named parameters hidden. Names are compared as an origin may read them:
 * percent-decoded, in any case, and for `a[b]=` every part. A `;` may separate parameters as `&` does
 * (some origins say so), but it never ends a value that is being hidden.
 * @param names Lower-case names.
 */
export function redactQuery(query: string, names: ReadonlySet<string>): string {
  return query
    .split('&')
    .map((piece) => redactPiece(piece, names))
    .join('&');
}

function redactPiece(piece: string, names: ReadonlySet<string>): string {
  for (let start = 0; start <= piece.length;) {
    const semicolon = piece.indexOf(';', start);
    const end = semicolon < 0 ? piece.length : semicolon;
    const equals = piece.indexOf('=', start);
    if (equals >= 0 && equals < end && isNamed(piece.slice(start, equals), names))
      return `${piece.slice(0, equals)}=${HIDDEN}`;
    start = end + 1;
  }
  return piece;
}

const DECORATED = /[%+[\]\s]/;

function isNamed(name: string, names: ReadonlySet<string>): boolean {
  if (!DECORATED.test(name)) return names.has(name.toLowerCase());
  return decode(name)
    .toLowerCase()
    .split(/[[\]\s]+/)
    .some((part) => names.has(part));
}

/** Never throws: bad escapes stay as they are, and a hostile query must not cost an exception for each name. */
function decode(name: string): string {
  const bytes = name
    .replaceAll('+', ' ')
    .replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)));
  return Buffer.from(bytes, 'latin1').toString();
}
