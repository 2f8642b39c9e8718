import { flat } from '../lib/flat.ts';

let second = -1;
let upToSecond = '';
let last = -1;
let text = '';

/** The present time as RFC 3339 in UTC with milliseconds. */
export function timestamp(): string {
  const now = Date.now();
  if (now === last) return text;
  last = now;
  const seconds = Math.floor(now / 1000);
  if (seconds !== second) {
    second = seconds;
    upToSecond = new Date(now).toISOString().slice(0, 19);
  }
  const millis = String(now - seconds * 1000).padStart(3, '0');
  return (text = flat(`${upToSecond}.${millis}Z`));
}
