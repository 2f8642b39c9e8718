import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { Path, Report } from './mistakes.ts';
import { getIn, isMap, listOf, mapOf, setIn } from './raw.ts';

/** Larger files are not keys or tokens but accidents (a device, a log). */
const LARGEST = 1024 * 1024;

/** What came of putting files in their places. */
export interface Inlined {
  readonly data: Readonly<Record<string, unknown>>;
  /** Absolute paths of the files that were named, readable or not: whoever watches the configuration watches these too. */
  readonly files: readonly string[];
}

/**
 * Puts the contents of files in place of `{ file: PATH }` where secrets may stand: admin tokens, and the
 * certificates and keys of upstreams. Paths are relative to the configuration file.
 */
export function inlineFiles(
  data: Readonly<Record<string, unknown>>,
  configFile: string,
  report: Report,
): Inlined {
  const files: string[] = [];
  let result: unknown = data;
  for (const { path, trim } of places(data)) {
    const reference = getIn(data, path);
    if (!isMap(reference) || typeof reference.file !== 'string' || Object.keys(reference).length > 1)
      continue;
    const file = resolve(dirname(configFile), reference.file);
    files.push(file);
    const text = read(file, (message) => report([...path, 'file'], message));
    // A reference that cannot be followed stays: it fits the schema, so that it is complained of only once.
    if (text !== null) result = setIn(result, path, trim ? text.trim() : text);
  }
  return { data: result as Inlined['data'], files };
}

function places(data: Readonly<Record<string, unknown>>): { readonly path: Path; readonly trim: boolean }[] {
  const tokens = listOf(mapOf(data.admin).tokens).flatMap((_, i) => [
    { path: ['admin', 'tokens', i], trim: true },
    { path: ['admin', 'tokens', i, 'token'], trim: true },
  ]);
  const pems = listOf(data.upstreams).flatMap((_, i) =>
    ['ca', 'cert', 'key'].map((name) => ({ path: ['upstreams', i, 'tls', name], trim: false })),
  );
  return [...tokens, ...pems];
}

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
