import { isFieldValue, isToken } from '../lib/fields.ts';
import { parseHost } from '../lib/host.ts';
import { KNOWN_METHODS } from '../lib/methods.ts';
import { normalisePath } from '../lib/path.ts';
import type { Path, Report } from './mistakes.ts';
import { mapOf, pairsOf, textsOf } from './raw.ts';
import { remedy } from './suggest.ts';

/** Checks what a route is matched by: every host, path, method and condition by itself. */
export function checkMatch(match: unknown, path: Path, report: Report): void {
  const { hosts, paths, methods, headers, query } = mapOf(match);
  const each = (name: string, list: unknown, problemOf: (text: string) => string | null) => {
    for (const [i, text] of textsOf(list)) {
      const problem = problemOf(text);
      if (problem !== null) report([...path, name, i], problem);
    }
  };
  each('hosts', hosts, hostProblem);
  each('paths', paths, patternProblem);
  each('methods', methods, methodProblem);
  checkFields(headers, [...path, 'headers'], report);
  for (const [name] of pairsOf(query))
    if (name === '') report([...path, 'query', name], 'a query condition needs a name: give it one', 'key');
}

/** Checks a map of header fields: names are tokens, given once whatever their letter case; values can be sent. */
export function checkFields(fields: unknown, path: Path, report: Report): void {
  const seen = new Set<string>();
  for (const [name, value] of pairsOf(fields)) {
    const lower = name.toLowerCase();
    const at = [...path, name];
    if (!isToken(name)) report(at, 'not a header name (RFC 9110): use letters, digits and dashes', 'key');
    else if (seen.has(lower))
      report(at, 'this header is already there: names do not depend on letter case', 'key');
    else if (!isFieldValue(value) || value !== value.trim())
      report(at, 'cannot be sent in a header: remove line breaks, control characters and outer spaces');
    seen.add(lower);
  }
}

/** What is wrong with an exact host or `*.suffix`; null = nothing. */
export function hostProblem(host: string): string | null {
  if (host === '*') return 'to match any host, leave hosts out';
  const wildcard = host.startsWith('*.');
  const name = wildcard ? host.slice(2) : host;
  if (name.includes('*')) return 'a * stands only for the first labels: write *.example.com';
  if (name.includes('://') || name.includes('/')) return 'a host is a name only: leave out scheme and path';
  const parsed = parseHost(name);
  if (parsed === null || (wildcard && parsed.startsWith('[')))
    return 'not a host name: write it as api.example.com';
  return parsed === name.toLowerCase()
    ? null
    : `a host has no port and no dot at its end: write "${wildcard ? '*.' : ''}${parsed}"`;
}

function methodProblem(method: string): string | null {
  return KNOWN_METHODS.has(method)
    ? null
    : `"${method}" is not a method that is forwarded: ${remedy(method, [...KNOWN_METHODS], 'remove it')}`;
}

const PARAM = /^:[A-Za-z_][A-Za-z0-9_]*$/;

function patternProblem(pattern: string): string | null {
  if (!pattern.startsWith('/')) return `a path begins with "/": write "/${pattern}"`;
  const normal = normalisePath(pattern);
  if (normal === null) return unusable(pattern);
  if (normal !== pattern) return `requests arrive as "${normal}": write it that way`;
  const segments = pattern.slice(1).split('/');
  const params = new Set<string>();
  for (const [i, segment] of segments.entries()) {
    if (segment.includes('*') && (segment !== '*' || i < segments.length - 1))
      return 'a * can only be the whole last segment: write /a/*, or /a/:name/b for one segment';
    if (!segment.startsWith(':')) continue;
    if (!PARAM.test(segment))
      return `"${segment}" is not a parameter: write : and letters, digits or _, as in /:name`;
    if (params.has(segment)) return `the parameter ${segment} is there twice: rename one`;
    params.add(segment);
  }
  return null;
}

/** Why no request path can ever be this one. */
function unusable(pattern: string): string {
  if (/[?#]/.test(pattern))
    return 'a path holds no query or fragment: remove everything from ? or # on (see match.query)';
  if (/%(?![0-9A-Fa-f]{2})/.test(pattern))
    return 'a % must begin an escape such as %20: write %25 for the sign itself';
  if (/%(2f|5c|00)/i.test(pattern)) return 'escaped / \\ and NUL are always answered 400: remove them';
  if (pattern.includes('\\')) return 'a \\ is always answered 400: write /';
  return `no request can have these characters: write "${encodeURI(Buffer.from(pattern).toString()).replaceAll('%25', '%')}"`;
}
