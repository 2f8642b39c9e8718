import type { Headers } from '../contracts/http.ts';

/**
 * Value of the first cookie `name` (RFC 6265 section 5.4: names are told apart by case), without the quotes that may
 * stand around it. Only what is asked for is read: a head may hold many cookies.
 *
 * @param fields Values of the Cookie fields.
 */
export function cookieValue(fields: readonly string[], name: string): string | undefined {
  for (let i = 0; i < fields.length; i++) {
    const value = cookieOf(fields[i]!, name);
    if (value !== undefined) return value;
  }
  return undefined;
}

function cookieOf(field: string, name: string): string | undefined {
  for (let from = field.indexOf(name); from >= 0; from = field.indexOf(name, from + 1)) {
    if (!startsPair(field, from) || field[from + name.length] !== '=') continue;
    const end = field.indexOf(';', from);
    const value = field.slice(from + name.length + 1, end < 0 ? undefined : end).trim();
    return value.length > 1 && value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value;
  }
  return undefined;
}

/** Whether nothing but spaces stands between `at` and the semicolon, or the beginning, before it. */
function startsPair(field: string, at: number): boolean {
  let before = at - 1;
  while (before >= 0 && field[before] === ' ') before--;
  return before < 0 || field[before] === ';';
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
