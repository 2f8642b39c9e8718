import { readFileSync } from 'node:fs';
import type { Mistake } from './mistakes.ts';
import { reasonOf } from './secrets.ts';

/** The text of a configuration file, or the one mistake that explains why there is none. */
export type SourceText = { readonly text: string } | { readonly mistake: Mistake };

/** Reads a configuration file: UTF-8 text, with or without a byte order mark. */
export function readSource(path: string): SourceText {
  const fail = (message: string) => ({ mistake: { file: path, line: 1, col: 1, path: '', message } });
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    return fail(`cannot be read (${reasonOf(error)}): name the configuration file with -c FILE`);
  }
  try {
    return { text: new TextDecoder('utf-8', { fatal: true }).decode(bytes) };
  } catch {
    return fail('is not UTF-8 text: save it as UTF-8');
  }
}
