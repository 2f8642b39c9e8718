/** Origins as browsers serialise them (HTML standard, ASCII serialisation of an origin). */

const ORIGIN = /^([a-z][a-z0-9+.-]*):\/\/(\*\.)?([^\s/?#@*]+)$/;
const LABELS = /^[a-z0-9_-]+(?:\.[a-z0-9_-]+)*$/;

/** Whether `text` names origins, where `*` and `null` stand for pages of anyone. */
export const isPlainOrigin = (text: string): boolean => text !== '*' && text !== 'null';

/** Why no browser would ever send an origin that `text` names; null = one could. */
export function originMistake(text: string): string | null {
  if (!isPlainOrigin(text)) return null;
  const match = ORIGIN.exec(text);
  if (match === null)
    return 'an origin is scheme://host or scheme://host:port in lower case, without path or trailing slash';
  const [, scheme = '', wildcard = '', host = ''] = match;
  if (scheme !== 'http' && scheme !== 'https') return null;
  const written = serialised(`${scheme}://${host}`);
  if (written === null) return `${JSON.stringify(host)} is not a host`;
  const [, sent = ''] = written.split('://');
  return sent === host ? null : `browsers write this origin as ${scheme}://${wildcard}${sent}`;
}

function serialised(origin: string): string | null {
  return URL.canParse(origin) ? new URL(origin).origin : null;
}

/**
 * A test for the origins of a list. `https://*.example.com` stands for one or more labels before
 * `.example.com`, and not for `https://example.com` itself. Comparison is by byte: browsers send lower case.
 */
export function originTest(origins: readonly string[]): (origin: string) => boolean {
  const exact = new Set(origins.filter((origin) => origin !== '*' && !origin.includes('*.')));
  const wildcards = origins
    .filter((origin) => origin.includes('*.'))
    .map((origin) => {
      const star = origin.indexOf('*');
      return { start: origin.slice(0, star), end: origin.slice(star + 1) };
    });
  return (origin) => {
    if (exact.has(origin)) return true;
    for (let i = 0; i < wildcards.length; i++) {
      const { start, end } = wildcards[i]!;
      if (!origin.startsWith(start) || !origin.endsWith(end)) continue;
      if (LABELS.test(origin.slice(start.length, -end.length))) return true;
    }
    return false;
  };
}
