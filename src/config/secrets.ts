import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { issuersIn } from './check-jwt.ts';
import type { Path, Report } from './mistakes.ts';
import { getIn, isMap, listOf, mapOf, setIn, type Raw } from './raw.ts';

/** Larger files are not keys or tokens but accidents (a device, a log). */
const LARGEST = 1024 * 1024;

/** What came of putting files in their places. */
export interface Inlined {
  readonly data: Readonly<Record<string, unknown>>;
  /** Absolute paths of the files that were named, readable or not: whoever watches the configuration watches these too. */
  readonly files: readonly string[];
}

/**
 * Puts the contents of files in place of `{ file: PATH }` where secrets may stand: admin tokens, keys of cookies,
 * addresses and credentials of the store, the certificates and keys of upstreams, of the store and of the TLS
 * listener, and keys of token issuers. Where only PEM may stand, a bare path means its file too. Paths are relative
 * to the configuration file.
 */
export function inlineFiles(
  data: Readonly<Record<string, unknown>>,
  configFile: string,
  report: Report,
): Inlined {
  const files: string[] = [];
  let result: unknown = data;
  for (const place of places(data)) {
    const { path } = place;
    const reference = referenceAt(data, place);
    if (reference === null) continue;
    const file = resolve(dirname(configFile), reference.file);
    files.push(file);
    const text = read(file, (message) => report(reference.at, message));
    // A reference that cannot be followed stays one: it fits the schema, so that it is complained of only once.
    result = setIn(result, path, text === null ? { file } : place.trim ? text.trim() : text);
  }
  return { data: result as Inlined['data'], files };
}

interface Place {
  readonly path: Path;
  /** Whether white space around the contents does not count. */
  readonly trim?: true;
  /** Whether a text that is not PEM itself is the path of a file. */
  readonly bare?: true;
}

function referenceAt(data: unknown, { path, bare }: Place): { file: string; at: Path } | null {
  const value = getIn(data, path);
  if (bare === true && typeof value === 'string' && value !== '' && !value.includes('-----BEGIN'))
    return { file: value, at: path };
  if (!isMap(value) || typeof value.file !== 'string' || Object.keys(value).length > 1) return null;
  return { file: value.file, at: [...path, 'file'] };
}

function places(data: Readonly<Record<string, unknown>>): Place[] {
  const tokens = listOf(mapOf(data.admin).tokens).flatMap((_, i): Place[] => [
    { path: ['admin', 'tokens', i], trim: true },
    { path: ['admin', 'tokens', i, 'token'], trim: true },
  ]);
  const pems = listOf(data.upstreams).flatMap((_, i) =>
    ['ca', 'cert', 'key'].map((name): Place => ({ path: ['upstreams', i, 'tls', name] })),
  );
  const keys = listOf(data.upstreams).map((_, i): Place => ({
    path: ['upstreams', i, 'sticky', 'secret'],
    trim: true,
  }));
  const https = ['listen', 'https'];
  const certificates = listOf(getIn(data, [...https, 'certificates'])).flatMap((_, i) =>
    ['cert', 'key'].map((name): Place => ({ path: [...https, 'certificates', i, name], bare: true })),
  );
  return [
    ...tokens,
    ...storePlaces(mapOf(data.store)),
    ...pems,
    ...keys,
    ...certificates,
    { path: [...https, 'clientCa'], bare: true },
    ...issuerKeys(data),
  ];
}

function storePlaces(store: Raw): Place[] {
  const one = ['url', 'username', 'password'].map((key): Path => [key]);
  const urls = listOf(store.urls).map((_, i): Path => ['urls', i]);
  const sentinels = listOf(mapOf(store.sentinel).urls).map((_, i): Path => ['sentinel', 'urls', i]);
  return [
    ...[...one, ...urls, ...sentinels].map((path): Place => ({ path: ['store', ...path], trim: true })),
    ...['ca', 'cert', 'key'].map((name): Place => ({ path: ['store', 'tls', name] })),
  ];
}

/** Keys of token issuers. */
const issuerKeys = (data: Raw): Place[] =>
  issuersIn(data).flatMap(({ path }): Place[] => [
    { path: [...path, 'publicKey'], bare: true },
    { path: [...path, 'secret'], trim: true },
  ]);

function read(file: string, complain: (message: string) => void): string | null {
  try {
    const text = readFileSync(file, 'utf8');
    if (text.length > LARGEST) complain(`${file} is larger than 1 MB: name the right file`);
    else if (text.trim() === '') complain(`${file} is empty: put the secret into it, or name another file`);
    else return text;
  } catch (error) {
    complain(`${file} cannot be read (${reasonOf(error)}): create it, or name another file`);
  }
  return null;
}

const REASONS: Record<string, string> = {
  ENOENT: 'no such file',
  EISDIR: 'it is a directory',
  ENOTDIR: 'a part of its path is not a directory',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  ELOOP: 'too many symbolic links',
};

/** Why a file could not be read, in words. */
export function reasonOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
  return REASONS[code] ?? code;
}
