import type { Fault } from '../contracts/fault.ts';
import { jsonText } from './json-text.ts';
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
    this.#destination.write(line(x, path, status, durationMs, generation));
  }

  #withQuery(x: LogSource): string {
    // Cut first: a hostile query must not cost more than the line can show.
    return `${x.requestPath}?${redactQuery(x.requestQuery.slice(0, PATH), this.#redact)}`;
  }
}

function line(x: LogSource, path: string, status: number, durationMs: number, generation: number): string {
  return (
    `{"time":"${timestamp()}","level":"info","msg":"request",${ids(x)},${client(x)},"path":"${jsonText(path, PATH)}",` +
    `"protocol":"${jsonText(x.protocol, SHORT)}","status":${whole(status)},"bytes_in":${whole(x.bytesIn)},` +
    `"bytes_out":${whole(x.bytesOut)},"duration_ms":${millis(durationMs)}` +
    (x.attempts > 0 ? `,"upstream_ms":${millis(x.upstreamMs)}` : '') +
    `${server(x)},"attempts":${whole(x.attempts)}` +
    (x.consumer === '' ? '' : `,"consumer":"${jsonText(x.consumer, WORD)}"`) +
    (x.limit === '' ? '' : `,"limit":"${jsonText(x.limit, WORD)}"`) +
    (x.cache === '' ? '' : `,"cache":"${jsonText(x.cache, WORD)}"`) +
    (x.fault === null ? '' : `,"error":"${x.fault.code}"`) +
    `,"generation":${whole(generation)}}\n`
  );
}

/** Most requests have one id for both. */
function ids({ id, traceId }: LogSource): string {
  const request = jsonText(id, WORD);
  const trace = traceId === id && request.length <= SHORT ? request : jsonText(traceId, SHORT);
  return `"request_id":"${request}","trace_id":"${trace}"`;
}

/** The client of the last line, as it was told: many requests in a row come from one address to one name. */
const lastClient = { ip: '', method: '', host: '', text: '' };

function client({ ip, method, host }: LogSource): string {
  const last = lastClient;
  if (last.text === '' || ip !== last.ip || method !== last.method || host !== last.host) {
    last.ip = ip;
    last.method = method;
    last.host = host;
    last.text = `"client_ip":"${jsonText(ip, SHORT)}","method":"${jsonText(method, SHORT)}","host":"${jsonText(host, HOST)}"`;
  }
  return last.text;
}

/** What served the last line's request, as it was told; of a route there are many requests in a row as well. */
const lastServer = { id: '-', upstreamId: null as string | null, target: '', text: '' };

/** Which route and upstream served the exchange, as far as it came. */
function server({ route: { id, upstreamId }, target }: LogSource): string {
  const last = lastServer;
  if (id !== last.id || upstreamId !== last.upstreamId || target !== last.target) {
    last.id = id;
    last.upstreamId = upstreamId;
    last.target = target;
    last.text =
      (id === '-' ? '' : `,"route":"${jsonText(id, WORD)}"`) +
      (upstreamId === null ? '' : `,"upstream":"${jsonText(upstreamId, WORD)}"`) +
      (target === '' ? '' : `,"target":"${jsonText(target, HOST)}"`);
  }
  return last.text;
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
