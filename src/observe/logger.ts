import { pino, type Logger } from 'pino';
import { PIPE_BUF, type Output } from './output.ts';
import { HIDDEN } from './redact.ts';
import { timestamp } from './timestamp.ts';

export interface LoggerOptions {
  /** `trace` | `debug` | `info` | `warn` | `error` | `fatal` | `silent`. */
  readonly level: string;
  /** Which process speaks. */
  readonly name: 'primary' | 'worker';
  /** Number of the worker. */
  readonly worker?: number;
  readonly destination: Pick<Output, 'write'>;
}

const SECRETS = [
  ...['token', 'tokens', 'access_token', 'authorization', 'proxy-authorization', 'cookie', 'set-cookie'],
  ...['password', 'passphrase', 'secret', 'key', 'apiKey', 'api_key', 'x-api-key'],
];
const DEPTHS = ['', '*.', '*.*.', '*.*.*.'];
const PATHS = DEPTHS.flatMap((depth) => SECRETS.map((name) => `${depth}["${name}"]`.replace('.[', '[')));

/**
 * The log of what happens to the process itself: one JSON line an event, time and level written as in the
 * access log. Secrets are hidden by the name of their field, and in any text where they show by form.
 */
export function makeLogger({ level, name, worker, destination }: LoggerOptions): Logger {
  return pino(
    {
      level,
      base: worker === undefined ? { name } : { name, worker },
      timestamp: () => `,"time":"${timestamp()}"`,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: PATHS, censor: HIDDEN },
    },
    { write: (line) => destination.write(fit(ascii(hideSecrets(line)))) },
  );
}

const URL_CREDENTIALS = /([a-z][a-z0-9+.-]*:\/\/)[^\s"\\]*@/gi;
const SCHEME_CREDENTIALS = /\b(Bearer|Basic) +[A-Za-z0-9._~+/=-]+/gi;

/** Credentials inside URLs (`redis://:password@host`) and of Authorization values. */
const hideSecrets = (line: string): string =>
  line.replace(URL_CREDENTIALS, `$1${HIDDEN}@`).replace(SCHEME_CREDENTIALS, `$1 ${HIDDEN}`);

/** Non-ASCII characters of a JSON text can only stand inside strings, where an escape means the same. */
const ascii = (line: string): string =>
  line.replace(/[^\x0a\x20-\x7e]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);

/** A line too long for one write to a pipe keeps its head fields and as much of its message as fits. */
function fit(line: string): string {
  if (line.length <= PIPE_BUF) return line;
  const { level, time, name, worker, msg, err } = JSON.parse(line) as Record<string, unknown>;
  const message = typeof msg === 'string' ? msg : typeof err === 'object' ? JSON.stringify(err) : '';
  const kept = { level, time, name, worker, msg: message.slice(0, 512), truncated: true };
  return ascii(`${JSON.stringify(kept)}\n`);
}
