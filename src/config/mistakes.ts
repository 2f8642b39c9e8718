/** Steps from the root of the configuration to a value: `['routes', 0, 'match']`. */
export type Path = readonly (string | number)[];

/**
 * Tells of something wrong at `path`. `at` says which end of an entry is meant: `key` when the key itself
 * should not be there, else the value (for a missing entry: the nearest thing above it that exists).
 */
export type Report = (path: Path, message: string, at?: 'key' | 'value') => void;

/** One mistake in a configuration, ready to be shown: where it is, and what to do about it. */
export interface Mistake {
  /** The file as the user named it; `environment` or `flags` for what did not come from a file. */
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** From 1. */
  readonly col: number;
  /** Dotted path such as `routes.0.match.paths.1`; empty for the whole file. */
  readonly path: string;
  readonly message: string;
}

/** `FILE:LINE:COL path: message`; the path of the whole file is written `.`. */
export const formatMistake = ({ file, line, col, path, message }: Mistake): string =>
  `${file}:${line}:${col} ${path === '' ? '.' : path}: ${message}`;

/** Order of reading: position first, then path, so that the same file always gives the same list. */
export const byPosition = (a: Mistake, b: Mistake): number =>
  a.line - b.line || a.col - b.col || (a.path < b.path ? -1 : a.path > b.path ? 1 : 0);
