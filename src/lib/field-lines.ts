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

/** How a line of each name begins that was ever asked for: those that configurations name. */
const needles = new Map<string, string>();

/** Value of the first field of that name (lower case); none of a client's choice, because names asked for are kept. */
export function findLine(text: string, name: string): string | undefined {
  let needle = needles.get(name);
  if (needle === undefined) needles.set(name, (needle = flat(beginning(name))));
  const at = text.indexOf(needle);
  if (at < 0) return undefined;
  const from = at + needle.length;
  const end = text.indexOf('\r', from);
  return text.slice(from, end < 0 ? text.length : end);
}
