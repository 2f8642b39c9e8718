import { performance } from 'node:perf_hooks';
import type { Exchange as ExchangeContract, LogField, Slot } from '../contracts/exchange.ts';
import type { Fault } from '../contracts/fault.ts';
import type { Headers, Identity, ReplyHead } from '../contracts/http.ts';
import type { Match, Route, Runtime } from '../contracts/runtime.ts';
import type { Downstream, Source } from '../contracts/transport.ts';
import { findLine, findLines, joinLines, splitLines, withoutLines } from '../lib/field-lines.ts';
import { getField, getFields, removeField } from '../lib/fields.ts';
import { newTraceId } from '../lib/ids.ts';
import type { Attempt } from './attempt.ts';
import type { Tries } from './tries.ts';

const NONE: Headers = [];

/**
 * Has the end-to-end fields of a request as lines (`lib/field-lines.ts`): ASCII, names in lower case, one space before each
 * value. Good until `Exchange.settleLines`: afterwards it may be another request's.
 */
export interface LineSource {
  lines(): string;
  /** The values of the fields of that name (lower case). */
  values(name: string): readonly string[];
}

/**
 * One client request and its answer. All fields are set in the constructor, so that every exchange has
 * one shape; what costs something is made when it is first asked for.
 */
export class Exchange implements ExchangeContract, Match {
  readonly runtime: Runtime;
  readonly down: Downstream;
  readonly startedAt = performance.now();
  readonly method: string;
  readonly peer: string;
  readonly protocol = 'HTTP/1.1';
  scheme: 'http' | 'https';
  /** Path and query as received until the intake has checked and normalised them. */
  path: string;
  query: string;
  /** What the client asked for, whatever a rewrite makes of it. */
  requestPath: string;
  requestQuery: string;
  // Filled by the intake.
  host = '';
  /** Host field as received, port included. */
  authority = '';
  ip: string;
  /** Body length: 0 = none, -1 = chunked. */
  bodyLength = 0;
  /** Value for X-Forwarded-For of the upstream request. */
  forwardedFor: string;
  forwardedHost = '';
  forwardedProto: string;
  traceparent = '';
  /** A Content-Length was given (0 counts). */
  hasLength = false;
  /** The client asked for the connection to end with the answer. */
  closing = false;
  /** It asked so in these words: `Connection: close`. The uws addon takes that for said, and does not say it again. */
  closingOnly = false;
  /** The framing of the request cannot be trusted: the connection ends with the answer. */
  poisoned = false;
  /** Method to match by: differs from `method` for a CORS preflight only. */
  matchMethod: string;

  // Filled by the walk.
  route: Route;
  params: string[] = [];
  allow = '';
  body: Source | null = null;
  attempt: Attempt | null = null;
  /** Null = the upstream has no rules about failures. */
  tries: Tries | null = null;
  attempts = 0;
  /** How many request hooks began; decides which response hooks run. */
  depth = 0;
  reply: ReplyHead | null = null;
  /** The head has been handed to the edge: from now on a failure can only cut. */
  started = false;
  fault: Fault | null = null;
  aborted = false;
  finished = false;
  identity: Identity | null = null;
  bytesIn = 0;
  bytesOut = 0;
  /** Milliseconds spent in attempts, from the start of each to its last byte. */
  upstreamMs = 0;
  /** When the walk began, or went on after a wait: the first attempt needs no clock. */
  walkedAt = this.startedAt;
  /** The time while the last byte is handed to the edge, which may be the end of the exchange; 0 = ask the clock. */
  endsAt = 0;
  /** When the reply head must be there, in milliseconds of `performance.now()`; 0 = no bound. */
  replyBy = 0;
  /** Id of the target of the last attempt. */
  target = '';
  consumer = '';
  limit = '';
  cache = '';
  /** The end-to-end fields as they go on (`lib/field-lines.ts`), until somebody wants the list: from then on that counts. */
  #lines = '';
  /** Who has the lines and knows where each stands, until they are settled or changed. */
  #source: LineSource | null = null;
  #list: Headers | null;
  #id = '';
  #traceId = '';
  #slots: unknown[] | null = null;

  /** @param headers All fields as received, until the intake has left only the end-to-end ones; null = they follow as lines. */
  constructor(
    runtime: Runtime,
    down: Downstream,
    scheme: 'http' | 'https',
    method: string,
    path: string,
    query: string,
    headers: Headers | null,
    peer: string,
  ) {
    this.runtime = runtime;
    this.down = down;
    this.scheme = scheme;
    this.method = method;
    this.matchMethod = method;
    this.path = this.requestPath = path;
    this.query = this.requestQuery = query;
    this.#list = headers;
    this.peer = peer;
    this.ip = peer;
    this.forwardedFor = peer;
    this.forwardedProto = scheme;
    this.route = runtime.refused;
  }

  /** A trusted peer's id, else our own: never one that a client can choose, as it can its trace id. */
  get id(): string {
    if (this.#id === '') this.#id = this.traceparent === '' ? this.traceId : newTraceId();
    return this.#id;
  }

  set id(id: string) {
    this.#id = id;
  }

  get traceId(): string {
    if (this.#traceId === '') this.#traceId = newTraceId();
    return this.#traceId;
  }

  /** Continues the trace of a checked `traceparent`. */
  continueTrace(traceId: string, traceparent: string): void {
    this.#traceId = traceId;
    this.traceparent = traceparent;
  }

  /** Whether a reply head can still come in time. */
  hasTime(): boolean {
    return this.replyBy === 0 || performance.now() < this.replyBy;
  }

  get headers(): Headers {
    if (this.#list === null) this.headers = splitLines(this.#text());
    return this.#list!;
  }

  set headers(list: Headers) {
    this.#list = list;
    this.#source = null;
  }

  /** Takes the end-to-end fields from `source`, when somebody wants them: it has them until `settleLines`. */
  takeLines(source: LineSource): void {
    this.#source = source;
  }

  /** The source of the lines is about to forget them. `over`: nobody will ask for them. */
  settleLines(over: boolean): void {
    if (!over) this.#text();
    this.#source = null;
  }

  #text(): string {
    if (this.#source !== null) this.#lines = this.#source.lines();
    return this.#lines;
  }

  /** The end-to-end fields as lines, to be sent. */
  lines(): string {
    return this.#list === null ? this.#text() : joinLines(this.#list);
  }

  header(name: string): string | undefined {
    if (this.#source !== null) return this.#source.values(name)[0];
    return this.#list === null ? findLine(this.#text(), name) : getField(this.#list, name);
  }

  fields(name: string): readonly string[] {
    if (this.#source !== null) return this.#source.values(name);
    return this.#list === null ? findLines(this.#text(), name) : getFields(this.#list, name);
  }

  removeHeader(name: string): void {
    if (this.#list !== null) removeField(this.#list, name);
    else this.#lines = withoutLines(this.#text(), name);
    this.#source = null;
  }

  /** Whether every value survived as text. (A transport asks the same of the head as a whole, which costs less.) */
  isText(): boolean {
    // Lines are ASCII.
    const list = this.#list ?? NONE;
    for (let i = 1; i < list.length; i += 2) if (list[i]!.includes('\ufffd')) return false;
    return true;
  }

  note(field: LogField, value: string): void {
    this[field] = value;
  }

  get<T>(slot: Slot<T>): T | undefined {
    return this.#slots?.[slot.index] as T | undefined;
  }

  set<T>(slot: Slot<T>, value: T): void {
    this.#slots ??= new Array<unknown>(this.route.slots);
    this.#slots[slot.index] = value;
  }
}
