let second = -1;
let upToSecond = '';
const MILLIS = Array.from({ length: 1000 }, (_, ms) => `.${String(ms).padStart(3, '0')}Z`);

/** The present time as RFC 3339 in UTC with milliseconds. Formatted once a second. */
export function timestamp(): string {
  const now = Date.now();
  const seconds = Math.floor(now / 1000);
  if (seconds !== second) {
    second = seconds;
    upToSecond = new Date(now).toISOString().slice(0, 19);
  }
  return upToSecond + MILLIS[now - seconds * 1000]!;
}
