import type { Headers } from '../contracts/http.ts';

/** Cookies of a request (RFC 6265 section 4.2.1): pairs `name=value`, parted by `;`, names are case-sensitive. */

/** The first value of a cookie, as it was sent but for quotes around it; undefined = there is none. */
export function getCookie(list: Headers, name: string): string | undefined {
  for (let i = 0; i < list.length; i += 2) {
    if (list[i] !== 'cookie') continue;
    const field = list[i + 1]!;
    // Most requests of other people's cookies end here.
    if (field.indexOf(name) < 0) continue;
    for (const pair of field.split(';')) {
      const text = pair.trim();
      if (isNamed(text, name)) return unquoted(text.slice(name.length + 1));
    }
  }
  return undefined;
}

/** Removes every cookie of that name, in place; a field that then holds none goes too. */
export function removeCookie(list: Headers, name: string): void {
  let kept = 0;
  for (let i = 0; i < list.length; i += 2) {
    let value = list[i + 1]!;
    if (list[i] === 'cookie' && value.indexOf(name) >= 0) {
      const pairs = value.split(';').map((pair) => pair.trim());
      value = pairs.filter((pair) => pair !== '' && !isNamed(pair, name)).join('; ');
      if (value === '') continue;
    }
    list[kept] = list[i]!;
    list[kept + 1] = value;
    kept += 2;
  }
  list.length = kept;
}

const isNamed = (pair: string, name: string): boolean =>
  pair.length > name.length && pair.charCodeAt(name.length) === 0x3d && pair.startsWith(name);

const unquoted = (value: string): string =>
  value.length > 1 && value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value;
