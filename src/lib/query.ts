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
