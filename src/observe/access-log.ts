import type { Fault } from '../contracts/fault.ts';
import { isPlainText, jsonText } from './json-text.ts';
import type { Output } from './output.ts';
import { redactQuery } from './redact.ts';
import { timestamp } from './timestamp.ts';

/** What a line tells of an exchange; an exchange of the pipeline is one. */
export interface LogSource {
  readonly id: string;
  readonly traceId: string;
  readonly ip: string;
  readonly method: string;
  readonly host: string;
  /** As the client asked for it, before any rewrite. */
  readonly requestPath: string;
  /** Without `?`. */
  readonly requestQuery: string;
  readonly protocol: string;
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** Left out of the line: the route `-`, and an upstream that is null. */
  readonly route: { readonly id: string; readonly upstreamId: string | null };
  /** Left out when empty. */
  readonly target: string;
  /** 0 = the upstream was never asked: `upstream_ms` is left out. */
  readonly attempts: number;
  readonly upstreamMs: number;
  /** These three are left out of the line when empty. */
  readonly consumer: string;
  readonly limit: string;
  readonly cache: string;
  readonly fault: Fault | null;
}

export interface AccessLogOptions {
  /** Level of the process's log; lines are `info`, so a stricter level switches them off. */
  readonly level: string;
  readonly access: boolean;
  /** Whether `path` carries the query. */
  readonly query: boolean;
  /** Query parameters whose values are hidden, in any case. */
  readonly redact: readonly string[];
  readonly destination: Pick<Output, 'write'>;
}

const LEVELS = new Set(['trace', 'debug', 'info']);

// Characters of each value at most. With the names they stay below PIPE_BUF (a test adds them up).
const PATH = 1024;
const HOST = 255;
const WORD = 128;
const SHORT = 48;
/** Values that together are no longer than this need no bound of their own to keep the line below PIPE_BUF. */
const PLAIN_VALUES = 2048;

/**
 * One JSON line for each finished exchange, in the field order of the public contract. Built by adding up
 * text: a general serialiser costs several times as much.
 */
export class AccessLog {
  /** False = `write` does nothing. */
  readonly enabled: boolean;
  readonly #query: boolean;
  readonly #redact: ReadonlySet<string>;
  readonly #destination: Pick<Output, 'write'>;

  constructor({ level, access, query, redact, destination }: AccessLogOptions) {
    this.enabled = access && LEVELS.has(level);
    this.#query = query;
    this.#redact = new Set(redact.map((name) => name.toLowerCase()));
    this.#destination = destination;
  }

  /**
   * @param status As the client saw it; 499 when it left first.
   * @param durationMs From the request to the last byte or the abort.
   * @param generation Of the configuration that served the exchange.
   */
  write(x: LogSource, status: number, durationMs: number, generation: number): void {
    if (!this.enabled) return;
    const path = this.#query && x.requestQuery !== '' ? this.#withQuery(x) : x.requestPath;
    const plain = path.length <= PATH && isPlain(x, path);
    this.#destination.write(
      plain
        ? line(x, path, status, durationMs, generation)
        : line(escaped(x), jsonText(path, PATH), status, durationMs, generation),
    );
  }

  #withQuery(x: LogSource): string {
    // Cut first: a hostile query must not cost more than the line can show.
    return `${x.requestPath}?${redactQuery(x.requestQuery.slice(0, PATH), this.#redact)}`;
  }
}

/** Whether every value can stand in the line as it is: one look at all of them is cheaper than one at each. */
function isPlain(x: LogSource, path: string): boolean {
  const { route } = x;
  const client = x.id + x.traceId + x.ip + x.method + x.host + path + x.protocol;
  const server = route.id + (route.upstreamId ?? '') + x.target + x.consumer + x.limit + x.cache;
  return client.length + server.length <= PLAIN_VALUES && isPlainText(client + server);
}

/** A copy whose values are bounded and fit to stand between quotes; the path goes its own way. */
function escaped(x: LogSource): LogSource {
  const upstreamId = x.route.upstreamId === null ? null : jsonText(x.route.upstreamId, WORD);
  return {
    id: jsonText(x.id, WORD),
    traceId: jsonText(x.traceId, SHORT),
    ip: jsonText(x.ip, SHORT),
    method: jsonText(x.method, SHORT),
    host: jsonText(x.host, HOST),
    protocol: jsonText(x.protocol, SHORT),
    route: { id: jsonText(x.route.id, WORD), upstreamId },
    target: jsonText(x.target, HOST),
    consumer: jsonText(x.consumer, WORD),
    limit: jsonText(x.limit, WORD),
    cache: jsonText(x.cache, WORD),
    requestPath: '',
    requestQuery: '',
    bytesIn: x.bytesIn,
    bytesOut: x.bytesOut,
    attempts: x.attempts,
    upstreamMs: x.upstreamMs,
    fault: x.fault,
  };
}

/** Every value of `x` and `path` is fit to stand between quotes. */
function line(x: LogSource, path: string, status: number, durationMs: number, generation: number): string {
  return (
    `{"time":"${timestamp()}","level":"info","msg":"request","request_id":"${x.id}","trace_id":"${x.traceId}",` +
    `"client_ip":"${x.ip}","method":"${x.method}","host":"${x.host}","path":"${path}",` +
    `"protocol":"${x.protocol}","status":${whole(status)},"bytes_in":${whole(x.bytesIn)},` +
    `"bytes_out":${whole(x.bytesOut)},"duration_ms":${millis(durationMs)}` +
    served(x) +
    `,"attempts":${whole(x.attempts)}` +
    (x.consumer === '' ? '' : `,"consumer":"${x.consumer}"`) +
    (x.limit === '' ? '' : `,"limit":"${x.limit}"`) +
    (x.cache === '' ? '' : `,"cache":"${x.cache}"`) +
    (x.fault === null ? '' : `,"error":"${x.fault.code}"`) +
    `,"generation":${whole(generation)}}\n`
  );
}

/** Which route and upstream served the exchange, as far as it came. */
function served(x: LogSource): string {
  const { id, upstreamId } = x.route;
  return (
    (x.attempts > 0 ? `,"upstream_ms":${millis(x.upstreamMs)}` : '') +
    (id === '-' ? '' : `,"route":"${id}"`) +
    (upstreamId === null ? '' : `,"upstream":"${upstreamId}"`) +
    (x.target === '' ? '' : `,"target":"${x.target}"`)
  );
}

/** A JSON number whatever comes in. Small ones stay integers for the engine, which print much faster. */
function whole(value: number): number {
  if (value > 0 && value < 0x7fffffff) return value | 0;
  return value > 0 && value <= Number.MAX_SAFE_INTEGER ? Math.floor(value) : 0;
}

/** Longer is a broken clock. */
const LONGEST_MS = 1e12;
const THOUSANDTHS = Array.from({ length: 1000 }, (_, i) => `.${String(i).padStart(3, '0')}`);

/** Milliseconds with three decimals; a whole number and a table print faster than a fraction. */
function millis(ms: number): string {
  const bounded = ms > 0 && ms < LONGEST_MS ? ms : 0;
  const full = whole(bounded);
  return full + THOUSANDTHS[((bounded - full) * 1000) | 0]!;
}
