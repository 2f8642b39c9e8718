import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Mistake } from './mistakes.ts';
import { reasonOf } from './secrets.ts';

/** The text of a configuration file, or the one mistake that explains why there is none. */
export type SourceText =
  | { readonly ok: true; readonly text: string; readonly hash: string }
  | { readonly ok: false; readonly mistake: Mistake };

/** Reads a configuration file. `hash` changes when, and only when, the content does. */
export function readSource(path: string): SourceText {
  const fail = (message: string): SourceText => ({
    ok: false,
    mistake: { file: path, line: 1, col: 1, path: '', message },
  });
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    return fail(`cannot be read (${reasonOf(error)}): name the configuration file with -c FILE`);
  }
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return { ok: true, text, hash: createHash('sha256').update(bytes).digest('hex') };
  } catch {
    return fail('is not UTF-8 text: save it as UTF-8');
  }
}
