import type { Headers } from '../contracts/http.ts';
import type { Wanted } from '../contracts/runtime.ts';
import { decodeEscape } from '../lib/path.ts';
import type { Rule } from './table.ts';

const PERCENT = 0x25;
const PLUS = 0x2b;
const SPACE = 0x20;
const EQUALS = 0x3d;

/** Whether a rule serves a method. */
export function serves<T>(rule: Rule<T>, method: string): boolean {
  return rule.methods === null || rule.methods.includes(method);
}

/** Whether every header and query condition of a rule holds. */
export function holds<T>(rule: Rule<T>, wanted: Wanted): boolean {
  const { headers, query } = rule;
  for (let i = 0; i < headers.length; i += 2)
    if (!hasHeader(wanted.headers, headers[i]!, headers[i + 1]!)) return false;
  for (let i = 0; i < query.length; i += 2)
    if (!hasParameter(wanted.query, query[i]!, query[i + 1]!)) return false;
  return true;
}

function hasHeader(list: Headers, name: string, value: string): boolean {
  for (let i = 0; i < list.length; i += 2) if (list[i] === name && list[i + 1] === value) return true;
  return false;
}

/** Reads the query as forms write it (`a=b&c=d`, `+` for a space), in one pass and without copying any of it. */
function hasParameter(query: string, name: Uint8Array, value: Uint8Array): boolean {
  for (let start = 0; start < query.length;) {
    let equals = -1;
    let end = start;
    for (; end < query.length; end++) {
      const code = query.charCodeAt(end);
      if (code === 0x26) break;
      if (code === EQUALS && equals < 0) equals = end;
    }
    const nameEnd = equals < 0 ? end : equals;
    const valueStart = equals < 0 ? end : equals + 1;
    if (end > start && decodesTo(query, start, nameEnd, name) && decodesTo(query, valueStart, end, value))
      return true;
    start = end + 1;
  }
  return false;
}

/** Whether `text[start, end)`, decoded, is these bytes. A `%` that begins no escape stands for itself. */
function decodesTo(text: string, start: number, end: number, bytes: Uint8Array): boolean {
  let count = 0;
  for (let at = start; at < end; at++) {
    let code = text.charCodeAt(at);
    if (code === PLUS) code = SPACE;
    else if (code === PERCENT && at + 2 < end) {
      const byte = decodeEscape(text, at);
      if (byte >= 0) {
        code = byte;
        at += 2;
      }
    }
    if (code !== bytes[count++]) return false;
  }
  return count === bytes.length;
}
