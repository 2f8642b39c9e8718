import { fault, type Fault } from '../contracts/fault.ts';
import type { Headers } from '../contracts/http.ts';
import { Exchange } from '../pipeline/exchange.ts';
import { admit, admitList } from '../pipeline/intake.ts';
import { begin } from '../pipeline/run.ts';
import { whenDrained } from './drain.ts';
import type { Edge, EdgeOptions } from './edge.ts';
import { Peers } from './peer.ts';
import type { ReceiveWindow } from './receive-window.ts';
import { boundReceiveBuffer, socketsOpenedBy } from './receive-buffer.ts';
import type { TlsSettings } from './tls.ts';
import { TlsApps, type AppSetup } from './tls-uws.ts';
import { receiveWindow } from './window-probe.ts';
import { UwsIo } from './uws-io.ts';
import { turnAway } from './uws-turn-away.ts';
import type { ListenSocket, Uws, UwsApp, UwsContext, UwsRequest, UwsResponse } from './uws-types.ts';

let collected: Headers = [];
/** One collector for all requests: `forEach` is synchronous. */
const collect = (name: string, value: string): void => {
  collected.push(name, value);
};

/** The default edge: uWebSockets.js. */
export class UwsEdge implements Edge {
  readonly kind = 'uws';
  connections = 0;
  readonly #peers: Peers;
  readonly #uws: Uws;
  /** The one that listens. */
  readonly #app: UwsApp;
  readonly #tls: TlsApps | null;
  readonly #scheme: 'http' | 'https';
  readonly #options: EdgeOptions;
  readonly #context: UwsContext & { draining: boolean };
  readonly #setup: AppSetup = {
    prepare: (app) => {
      setTimeouts(app, this.#options.timeouts);
      app.filter((res, change) => this.#count(res, change));
    },
    route: (app) => {
      // The addon compares methods byte by byte: for most requests one native call less.
      app.get('/*', (res, req) => this.#handle(res, req, 'GET'));
      app.any('/*', (res, req) => this.#handle(res, req, req.getCaseSensitiveMethod()));
    },
  };
  #socket: ListenSocket | null = null;
  #lastRequest = 0;
  /** Where heads are read from; null = from the addon, field by field. */
  #window: ReceiveWindow | null = null;

  constructor(uws: Uws, options: EdgeOptions, blockWrite: boolean) {
    this.#uws = uws;
    this.#options = options;
    this.#context = { draining: false, blockWrite, corked: null };
    // Connections that move between apps of different certificates are counted by both.
    this.#peers = new Peers(options.tls === null);
    this.#scheme = options.tls === null ? 'http' : 'https';
    this.#tls = options.tls === null ? null : new TlsApps(uws, options.tls, this.#setup);
    this.#app = this.#tls?.first ?? uws.App();
    if (this.#tls === null) {
      this.#setup.prepare(this.#app);
      this.#setup.route(this.#app);
    }
  }

  listen(): Promise<void> {
    // What TLS has decrypted lies elsewhere.
    if (this.#tls !== null) return this.#open();
    return receiveWindow(this.#uws).then((window) => {
      this.#window = window;
      return this.#open();
    });
  }

  #open(): Promise<void> {
    const { host, port, receiveBuffer } = this.#options;
    return new Promise((resolve, reject) => {
      const open = (): void =>
        void this.#app.listen(host, port, (socket) => {
          if (!socket) return reject(new Error(`cannot listen on ${host}:${port}`));
          this.#socket = socket;
          resolve();
        });
      if (receiveBuffer > 0) this.#openBounded(open, receiveBuffer);
      else open();
    });
  }

  #openBounded(open: () => void, bytes: number): void {
    let bounded = false;
    for (const fd of socketsOpenedBy(open)) bounded = boundReceiveBuffer(fd, bytes) || bounded;
    if (this.#socket !== null && !bounded) this.#options.warn(UNBOUNDED);
  }

  stopListening(): void {
    if (this.#socket === null) return;
    this.#uws.us_listen_socket_close(this.#socket);
    this.#socket = null;
    this.#context.draining = true;
    this.#lastRequest = performance.now();
  }

  drained(done: () => void): void {
    whenDrained(this, () => this.#lastRequest, done);
  }

  close(): void {
    if (this.#tls === null) this.#app.close();
    else this.#tls.close();
  }

  renew(tls: TlsSettings): () => void {
    return this.#tls!.renew(tls);
  }

  #count(res: UwsResponse, change: number): void {
    this.connections += change > 0 ? 1 : -1;
    if (change > 0) this.#peers.opened(res);
    else this.#peers.closed();
    if (change <= 0) return;
    const { door, maxConnections } = this.#options;
    if (this.connections > maxConnections) res.close();
    else if (door.guardsConnections && !door.admits(this.#peers.of(res))) res.close();
  }

  #handle(res: UwsResponse, req: UwsRequest, method: string): void {
    const { door } = this.#options;
    const turned = door.guardsRequests ? door.refuses(this.#peers.of(res)) : null;
    if (turned !== null) return turnAway(res, turned, method === 'HEAD');
    if (this.#context.draining) this.#lastRequest = performance.now();
    const io = new UwsIo(res, this.#context);
    try {
      this.#begin(io, res, req, method);
    } finally {
      // The next request will lie where this one does.
      if (io.x !== undefined) io.x.settleLines(io.answered);
      this.#context.corked = null;
      // The addon ends a process that leaves a request without answer and without this.
      if (!io.answered) res.onAborted(() => io.aborted());
    }
  }

  #begin(io: UwsIo, res: UwsResponse, req: UwsRequest, method: string): void {
    const refused = this.#read(io, res, req, method) ?? lengthRequired(io.x);
    const { x } = io;
    if (x.poisoned) return void setImmediate(beginLate, io, refused);
    io.begun = true;
    if (x.bodyLength === 0 || refused !== null) return begin(x, null, refused);
    io.expectBody();
    res.onData((piece, last) => io.data(piece, last));
    begin(x, io, null);
  }

  /** Takes in the request, all but its lines: the addon's object dies when the handler returns, where they lie does not yet. */
  #read(io: UwsIo, res: UwsResponse, req: UwsRequest, method: string): Fault | null {
    const window = this.#window;
    const at = window === null ? -1 : window.locate(req, method);
    if (window === null || at < 0 || !window.reader.read(at + method.length + 1))
      return this.#collect(io, res, req, method);
    const { reader } = window;
    if (at === 0) this.#context.corked = io;
    const x = this.#exchange(io, res, method, reader.path, reader.query, null);
    const refused = admit(x, reader);
    if (x.bodyLength >= 0 && !x.poisoned) window.ended(reader.end + x.bodyLength);
    return refused;
  }

  /** As `#read`, by what the addon tells. */
  #collect(io: UwsIo, res: UwsResponse, req: UwsRequest, method: string): Fault | null {
    const headers: Headers = (collected = []);
    req.forEach(collect);
    return admitList(this.#exchange(io, res, method, req.getUrl(), req.getQuery() ?? '', headers));
  }

  #exchange(
    io: UwsIo,
    res: UwsResponse,
    method: string,
    path: string,
    query: string,
    headers: Headers | null,
  ): Exchange {
    const runtime = this.#options.runtime();
    const peer = this.#peers.of(res);
    return (io.x = new Exchange(runtime, io, this.#scheme, method, path, query, headers, peer));
  }
}

/**
 * The addon stops reading fields at one with an empty name: a body may follow whose length nobody saw. Where a
 * body is to be expected its length must be told (RFC 9110 section 15.5.12), and nothing that follows on the
 * connection may be taken for a request.
 */
function lengthRequired(x: Exchange): Fault | null {
  const { method, bodyLength, hasLength } = x;
  if (bodyLength !== 0 || hasLength) return null;
  if (method !== 'POST' && method !== 'PUT' && method !== 'PATCH') return null;
  x.poisoned = true;
  return fault('length_required', `${method} needs Content-Length or Transfer-Encoding: chunked`);
}

/**
 * Begins once the addon has read the segment to its end: it closes the connection when more follows. (To end
 * the connection inside the handler would be undone by a request that follows.)
 */
function beginLate(io: UwsIo, refused: Fault | null): void {
  io.begun = true;
  begin(io.x, null, refused);
}

const UNBOUNDED =
  'limits.receiveBuffer has no effect (it needs Linux and the package koffi): ' +
  'fast uploads to a slow upstream may be cut with 503 overload';

/** Above this the addon's wheel wraps round and closes connections at once. */
const LONGEST_S = 900;

const TURN_S = 4;

/** The addon has two timers, in seconds; builds without these methods have fixed ones of about ten seconds. */
function setTimeouts(app: UwsApp, { header, idle }: EdgeOptions['timeouts']): void {
  app.setIdleTimeout?.(wholeSeconds(header));
  app.setResponseTimeout?.(wholeSeconds(idle));
}

/** The wheel turns every four seconds and counts the turn that has begun: one more, and nobody is closed too early. */
const wholeSeconds = (ms: number): number => Math.min(LONGEST_S, Math.ceil(ms / 1000) + TURN_S);
