import type { Headers } from '../contracts/http.ts';

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const UNSAFE = /[\x00-\x08\x0a-\x1f\x7f]/;

/** Whether `name` is a field name (token, RFC 9110 section 5.6.2). */
export const isToken = (name: string): boolean => TOKEN.test(name);

/** Whether `value` can be sent as a field value: no control characters but tab (RFC 9110 section 5.5). */
export const isFieldValue = (value: string): boolean => !UNSAFE.test(value);

/** First value of `name` (lower case) in a flat list. */
export function getField(list: Headers, name: string): string | undefined {
  const { length } = name;
  // The length first: comparing strings is a call.
  for (let i = 0; i < list.length; i += 2)
    if (list[i]!.length === length && list[i] === name) return list[i + 1];
  return undefined;
}

/** Values of every field of that name. */
export function getFields(list: Headers, name: string): string[] {
  const { length } = name;
  const values: string[] = [];
  for (let i = 0; i < list.length; i += 2)
    if (list[i]!.length === length && list[i] === name) values.push(list[i + 1]!);
  return values;
}

/** Removes every field of that name, in place. */
export function removeField(list: Headers, name: string): void {
  removeWhere(list, (each) => each === name);
}

/** Removes every field of these names, in place. */
export function removeFields(list: Headers, names: ReadonlySet<string>): void {
  removeWhere(list, (each) => names.has(each));
}

function removeWhere(list: Headers, isOut: (name: string) => boolean): void {
  let kept = 0;
  for (let i = 0; i < list.length; i += 2) {
    if (isOut(list[i]!)) continue;
    if (kept !== i) {
      list[kept] = list[i]!;
      list[kept + 1] = list[i + 1]!;
    }
    kept += 2;
  }
  list.length = kept;
}

/** Replaces every field of that name by one; keeps the place of the first. */
export function setField(list: Headers, name: string, value: string): void {
  for (let i = 0; i < list.length; i += 2) {
    if (list[i] !== name) continue;
    list[i + 1] = value;
    const rest = list.splice(i + 2);
    removeField(rest, name);
    list.push(...rest);
    return;
  }
  list.push(name, value);
}
