import type { Fault } from '../contracts/fault.ts';
import { flat } from '../lib/flat.ts';
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
  const id = jsonText(x.id, WORD);
  // Most requests have one id for both.
  const traceId = x.traceId === x.id && id.length <= SHORT ? id : jsonText(x.traceId, SHORT);
  return (
    `${beginning()}${id}","trace_id":"${traceId}${client(x)}${jsonText(path, PATH)}${answer(x, status)}` +
    `${whole(x.bytesOut)},"duration_ms":${millis(durationMs)}` +
    (x.attempts > 0 ? `,"upstream_ms":${millis(x.upstreamMs)}` : '') +
    server(x) +
    (x.consumer === '' ? '' : `,"consumer":"${jsonText(x.consumer, WORD)}"`) +
    (x.limit === '' ? '' : `,"limit":"${jsonText(x.limit, WORD)}"`) +
    (x.cache === '' ? '' : `,"cache":"${jsonText(x.cache, WORD)}"`) +
    (x.fault === null ? '' : `,"error":"${x.fault.code}"`) +
    end(generation)
  );
}

// Parts in which a line is as a rule like the one before. They are kept in one piece, with all that stands around them:
// what a line costs is the number of its parts.
const first = { time: '', text: '' };
const asked = { ip: '', method: '', host: '', text: '' };
const answered = { protocol: '', status: -1, bytesIn: -1, text: '' };
const served = { route: '', upstream: null as string | null, target: '', attempts: -1, text: '' };
const last = { generation: -1, text: '' };

/** Up to the request id. */
function beginning(): string {
  const time = timestamp();
  if (time !== first.time) {
    first.time = time;
    first.text = flat(`{"time":"${time}","level":"info","msg":"request","request_id":"`);
  }
  return first.text;
}

/** From the trace id to the path. */
function client({ ip, method, host }: LogSource): string {
  if (ip !== asked.ip || method !== asked.method || host !== asked.host || asked.text === '') {
    asked.ip = ip;
    asked.method = method;
    asked.host = host;
    const name = jsonText(host, HOST);
    asked.text = flat(
      `","client_ip":"${jsonText(ip, SHORT)}","method":"${jsonText(method, SHORT)}","host":"${name}","path":"`,
    );
  }
  return asked.text;
}

/** From the path to the bytes that went out. */
function answer({ protocol, bytesIn }: LogSource, status: number): string {
  if (status !== answered.status || bytesIn !== answered.bytesIn || protocol !== answered.protocol) {
    answered.protocol = protocol;
    answered.status = status;
    answered.bytesIn = bytesIn;
    const text = jsonText(protocol, SHORT);
    answered.text = flat(
      `","protocol":"${text}","status":${whole(status)},"bytes_in":${whole(bytesIn)},"bytes_out":`,
    );
  }
  return answered.text;
}

/** Which route and upstream served the exchange, as far as it came, and with how many attempts. */
function server({ route: { id, upstreamId }, target, attempts }: LogSource): string {
  if (
    id !== served.route ||
    upstreamId !== served.upstream ||
    target !== served.target ||
    attempts !== served.attempts
  ) {
    served.route = id;
    served.upstream = upstreamId;
    served.target = target;
    served.attempts = attempts;
    served.text = flat(
      (id === '-' ? '' : `,"route":"${jsonText(id, WORD)}"`) +
        (upstreamId === null ? '' : `,"upstream":"${jsonText(upstreamId, WORD)}"`) +
        (target === '' ? '' : `,"target":"${jsonText(target, HOST)}"`) +
        `,"attempts":${whole(attempts)}`,
    );
  }
  return served.text;
}

function end(generation: number): string {
  if (generation !== last.generation) {
    last.generation = generation;
    last.text = flat(`,"generation":${whole(generation)}}\n`);
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
