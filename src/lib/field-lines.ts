import type { Headers } from '../contracts/http.ts';
import { flat } from './flat.ts';

/**
 * The fields of a request as one text, `\r\nname: value` for each: the form in which they are sent on. To cut them into
 * a list, name by name, and to put them together again costs more than all else that is done to a request, and most
 * requests need none of it.
 */

/** The lines of a list; adding up costs less than a template, which asks of every part whether it is a string. */
export function joinLines(list: Headers): string {
  let text = '';
  for (let i = 0; i < list.length; i += 2) text += lineStart(i, list[i]!) + list[i + 1]!;
  return text;
}

const MOST = 128;
/** The names that the last request had at each place, and how their lines begin: most have the same. */
const names: string[] = [];
const starts: string[] = [];

/** End of the line before, name and colon. `at`: place of the name in the list. */
function lineStart(at: number, name: string): string {
  if (at < names.length && names[at] === name) return starts[at]!;
  if (at > names.length || at >= MOST) return beginning(name);
  const start = flat(beginning(name));
  names[at] = names[at + 1] = name;
  starts[at] = starts[at + 1] = start;
  return start;
}

const beginning = (name: string): string => '\r\n' + name + ': ';

/** The list of such lines. */
export function splitLines(text: string): Headers {
  const list: Headers = [];
  for (let at = 0; at < text.length;) {
    const colon = text.indexOf(':', at);
    const next = text.indexOf('\r', colon);
    const end = next < 0 ? text.length : next;
    list.push(text.slice(at + 2, colon), text.slice(colon + 2, end));
    at = end;
  }
  return list;
}

/** How the line of each name begins that was asked for: names of configurations and policies, never a client's. */
const beginnings = new Map<string, string>();

function beginningOf(name: string): string {
  let known = beginnings.get(name);
  if (known === undefined) beginnings.set(name, (known = flat(beginning(name))));
  return known;
}

const endOf = (text: string, from: number): number => {
  const end = text.indexOf('\r', from);
  return end < 0 ? text.length : end;
};

/** Value of the first field of that name (lower case). */
export function findLine(text: string, name: string): string | undefined {
  const start = beginningOf(name);
  const at = text.indexOf(start);
  if (at < 0) return undefined;
  return text.slice(at + start.length, endOf(text, at + start.length));
}

/** Values of every field of that name. */
export function findLines(text: string, name: string): string[] {
  const start = beginningOf(name);
  const values: string[] = [];
  for (let at = text.indexOf(start); at >= 0;) {
    const end = endOf(text, at + start.length);
    values.push(text.slice(at + start.length, end));
    at = text.indexOf(start, end);
  }
  return values;
}

/** The lines without those of that name. */
export function withoutLines(text: string, name: string): string {
  const start = beginningOf(name);
  let rest = text;
  for (let at = rest.indexOf(start); at >= 0; at = rest.indexOf(start, at))
    rest = rest.slice(0, at) + rest.slice(endOf(rest, at + start.length));
  return rest;
}
