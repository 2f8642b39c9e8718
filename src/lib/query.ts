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

/** The query without the parameters whose names decode to that; the others stay as they were written. */
export function withoutParameter(query: string, name: string): string {
  const pieces = query.split('&');
  const kept = pieces.filter((piece) => nameOf(piece) !== name);
  return kept.length === pieces.length ? query : kept.join('&');
}

function nameOf(piece: string): string | undefined {
  const equals = piece.indexOf('=');
  return decoded(equals < 0 ? piece : piece.slice(0, equals));
}

function decoded(text: string): string | undefined {
  if (text.indexOf('%') < 0 && text.indexOf('+') < 0) return text;
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return undefined;
  }
}
