import type { Environment } from './env.ts';
import type { Mistake, Path } from './mistakes.ts';
import { setIn } from './raw.ts';

/** Flags of the command line; each beats its variable, which beats the file. */
export interface Flags {
  readonly port?: string | number;
  readonly adminPort?: string | number;
  readonly workers?: string | number;
  readonly edge?: string;
  readonly logLevel?: string;
}

interface Override {
  readonly variable: string;
  readonly flag?: keyof Flags;
  readonly option?: string;
  readonly path: Path;
  /** From text to what would stand in the file. */
  readonly read: (text: string) => unknown;
  /** What else it says by being given. */
  readonly implies?: { readonly path: Path; readonly value: unknown };
}

const text = (value: string): unknown => value;
const number = (value: string): unknown => (/^\d+$/.test(value) ? Number(value) : value);

const OVERRIDES: readonly Override[] = [
  { variable: 'SLUICE_PORT', flag: 'port', option: '--port', path: ['listen', 'http', 'port'], read: number },
  {
    variable: 'SLUICE_ADMIN_PORT',
    flag: 'adminPort',
    option: '--admin-port',
    path: ['admin', 'port'],
    read: number,
  },
  { variable: 'SLUICE_WORKERS', flag: 'workers', option: '--workers', path: ['workers'], read: number },
  { variable: 'SLUICE_VERIFY_THREADS', path: ['verifyThreads'], read: number },
  { variable: 'SLUICE_EDGE', flag: 'edge', option: '--edge', path: ['listen', 'http', 'edge'], read: text },
  {
    variable: 'SLUICE_LOG_LEVEL',
    flag: 'logLevel',
    option: '--log-level',
    path: ['log', 'level'],
    read: text,
  },
  { variable: 'SLUICE_ZONE', path: ['zone'], read: text },
  { variable: 'SLUICE_ADMIN_TOKEN', path: ['admin', 'tokens'], read: (token) => [token] },
  {
    variable: 'SLUICE_REDIS_URL',
    path: ['store', 'url'],
    read: text,
    implies: { path: ['store', 'kind'], value: 'redis' },
  },
];

/** A configuration with its overrides, and where each of them came from. */
export interface Overridden {
  readonly data: Readonly<Record<string, unknown>>;
  /** The mistake at `path` if the value there is an override's: told of the variable or flag, not of the file. */
  place(path: Path, message: string): Mistake | null;
}

/** Puts flags and `SLUICE_*` variables in place of what the file says. An empty variable counts as unset. */
export function override(
  data: Readonly<Record<string, unknown>>,
  env: Environment,
  flags: Flags,
): Overridden {
  const origins = new Map<string, { readonly file: string; readonly name: string }>();
  let result: unknown = data;
  for (const { variable, flag, option, path, read, implies } of OVERRIDES) {
    const given = flag === undefined ? undefined : flags[flag];
    const value = given ?? (env[variable] || undefined);
    if (value === undefined) continue;
    result = setIn(result, path, read(String(value)));
    if (implies !== undefined) result = setIn(result, implies.path, implies.value);
    const fromFlag = given !== undefined && option !== undefined;
    origins.set(
      path.join('.'),
      fromFlag ? { file: 'flags', name: option } : { file: 'environment', name: variable },
    );
  }
  return {
    data: result as Readonly<Record<string, unknown>>,
    place(path, message) {
      for (let end = path.length; end > 0; end--) {
        const origin = origins.get(path.slice(0, end).join('.'));
        if (origin !== undefined) return { file: origin.file, line: 1, col: 1, path: origin.name, message };
      }
      return null;
    },
  };
}
