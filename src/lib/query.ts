import { unescape as decode } from 'node:querystring';

/** The query without the parameters named; the rest stays as it is written. */
export function withoutParameters(query: string, dropped: ReadonlySet<string>): string {
  let kept = '';
  for (let at = 0; at < query.length;) {
    const and = query.indexOf('&', at);
    const end = and < 0 ? query.length : and;
    const piece = query.slice(at, end);
    if (!dropped.has(nameOf(piece))) kept += kept === '' ? piece : `&${piece}`;
    at = end + 1;
  }
  return kept;
}

/** Values of the parameter, decoded, in order. */
export function parameterValues(query: string, name: string): string[] {
  return query
    .split('&')
    .filter((piece) => nameOf(piece) === name)
    .map((piece) => plain(piece.slice(piece.indexOf('=') < 0 ? piece.length : piece.indexOf('=') + 1)));
}

/** The parameter's name as an origin reads it (URL standard, application/x-www-form-urlencoded). */
function nameOf(piece: string): string {
  const equals = piece.indexOf('=');
  return plain(equals < 0 ? piece : piece.slice(0, equals));
}

const plain = (text: string): string =>
  text.indexOf('%') < 0 && text.indexOf('+') < 0 ? text : decode(text.replaceAll('+', ' '));

/** Raw value of the first `name=` in a query (without `?`); percent signs are left as they are. */
export function queryValue(query: string, name: string): string | undefined {
  for (let from = 0; from < query.length;) {
    let end = query.indexOf('&', from);
    if (end < 0) end = query.length;
    if (query.startsWith(name, from) && query[from + name.length] === '=' && from + name.length < end)
      return query.slice(from + name.length + 1, end);
    from = end + 1;
  }
  return undefined;
}

/** The first value of a parameter, decoded as a form is (URL standard); undefined = there is none, or it does not decode. */
export function getParameter(query: string, name: string): string | undefined {
  if (query === '') return undefined;
  for (const piece of query.split('&')) {
    if (nameOf(piece) !== name) continue;
    const equals = piece.indexOf('=');
    return equals < 0 ? '' : decoded(piece.slice(equals + 1));
  }
  return undefined;
}

/** The query without the parameter of that name; the others stay as they were written. */
export const withoutParameter = (query: string, name: string): string =>
  withoutParameters(query, new Set([name]));

function decoded(text: string): string | undefined {
  if (text.indexOf('%') < 0 && text.indexOf('+') < 0) return text;
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return undefined;
  }
}
