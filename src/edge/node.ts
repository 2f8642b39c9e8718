import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { Server as NetServer, type Socket } from 'node:net';
import { fault, type Fault } from '../contracts/fault.ts';
import type { Headers, Reply } from '../contracts/http.ts';
import { normaliseIp } from '../lib/cidr.ts';
import { problemReply } from '../lib/problem.ts';
import { newTraceId } from '../lib/ids.ts';
import { Exchange } from '../pipeline/exchange.ts';
import { admitList } from '../pipeline/intake.ts';
import { begin } from '../pipeline/run.ts';
import type { Edge, EdgeOptions } from './edge.ts';
import { whenDrained } from './drain.ts';
import { NodeIo } from './node-io.ts';
import { statusLine } from '../lib/status.ts';
import type { TlsSettings } from './tls.ts';
import { TlsServer } from './tls-node.ts';

/** How long the reply to a client that has ended its side may take to begin, in ms. */
const HALF_CLOSED_MS = 2_000;

/** What the requests of one connection share. */
interface Connection {
  /** A message on it cannot be trusted: nothing that follows is a request, and its answer is the last one. */
  poisoned: boolean;
  /** The newest request. */
  io: NodeIo | null;
  /** Requests, pipelined ones included, whose answers are not out. */
  open: number;
}

/** The edge on node:http, for what uWebSockets.js cannot do or where it cannot be loaded. */
export class NodeEdge implements Edge {
  readonly kind = 'node';
  connections = 0;
  readonly #options: EdgeOptions;
  readonly #server: Server;
  readonly #tls: TlsServer | null;
  readonly #sockets = new Map<Socket, Connection>();
  readonly #context = { draining: false };
  #lastRequest = 0;

  constructor(options: EdgeOptions) {
    this.#options = options;
    const { header, idle } = options.timeouts;
    const http = {
      maxHeaderSize: options.headerBytes,
      headersTimeout: header,
      // The body has a timer of its own, which counts silence and not length.
      requestTimeout: 0,
      // The intake refuses such a request, and what follows it.
      requireHostHeader: false,
      keepAliveTimeout: idle,
      connectionsCheckingInterval: 1000,
      noDelay: true,
      highWaterMark: 64 * 1024,
    };
    this.#tls = options.tls === null ? null : new TlsServer(options.tls, http, header);
    this.#server = this.#tls?.server ?? createServer(http);
    this.#server.on('request', (req, res) => this.#handle(req, res));
    // Behind an answer that is not out node:http would write its 100 into the middle of the next one.
    this.#server.on('checkContinue', (req, res) => {
      if (this.#sockets.get(req.socket)?.open === 0) res.writeContinue();
      this.#handle(req, res);
    });
    // An expectation that is not known is not forwarded either: by itself node:http would answer 417.
    this.#server.on('checkExpectation', (req, res) => this.#handle(req, res));
    // By itself node:http would end its side as soon as the client does. (The typings lack it.)
    Object.assign(this.#server, { httpAllowHalfOpen: true });
    // Beyond a count node:http would drop fields without a word; their size is bounded above.
    this.#server.maxHeadersCount = 0;
    // With TLS this counts whoever has the handshake behind him; its time-out and this bound the others.
    this.#server.maxConnections = options.maxConnections;
    this.#server.on('connection', (socket: Socket) => this.#admit(socket));
    const ready = this.#tls === null ? 'connection' : 'secureConnection';
    this.#server.on(ready, (socket: Socket) => this.#count(socket));
    this.#server.on('clientError', (error, socket) => this.#broken(error, socket as Socket));
  }

  listen(): Promise<void> {
    const { host, port } = this.#options;
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen({ host, port, backlog: 511 }, () => resolve());
    });
  }

  stopListening(): void {
    this.#context.draining = true;
    this.#lastRequest = performance.now();
    // The close of an HTTP server would also end idle connections, on which a request may be on its way.
    NetServer.prototype.close.call(this.#server);
  }

  drained(done: () => void): void {
    whenDrained(this, () => this.#lastRequest, done);
  }

  close(): void {
    for (const socket of this.#sockets.keys()) socket.destroy();
  }

  renew(tls: TlsSettings): () => void {
    return this.#tls!.renew(tls);
  }

  #admit(socket: Socket): void {
    const { door } = this.#options;
    if (door.guardsConnections && !door.admits(peerOf(socket))) socket.destroy();
  }

  #count(socket: Socket): void {
    if (this.#sockets.size >= this.#options.maxConnections) {
      socket.destroy();
      return;
    }
    // In which node:http writes a head that goes alone: a byte of a value is a byte on the wire.
    socket.setDefaultEncoding('latin1');
    const connection = { poisoned: false, io: null, open: 0 };
    this.#sockets.set(socket, connection);
    this.connections = this.#sockets.size;
    socket.once('end', () => halfClosed(socket, connection));
    socket.once('close', () => {
      this.#sockets.delete(socket);
      this.connections = this.#sockets.size;
    });
  }

  #handle(req: IncomingMessage, res: ServerResponse): void {
    const connection = this.#sockets.get(req.socket);
    if (connection === undefined || connection.poisoned || connection.io?.last === true) return;
    if (this.#context.draining) this.#lastRequest = performance.now();
    const peer = peerOf(req.socket);
    const { door } = this.#options;
    const turned = door.guardsRequests ? door.refuses(peer) : null;
    if (turned !== null) {
      connection.poisoned = true;
      return turnAway(res, turned);
    }
    const io = (connection.io = new NodeIo(req, res, this.#context));
    connection.open++;
    res.once('close', () => connection.open--);
    const { path, query } = splitTarget(req);
    const runtime = this.#options.runtime();
    const scheme = this.#tls === null ? 'http' : 'https';
    const x = new Exchange(runtime, io, scheme, req.method ?? '', path, query, fieldsOf(req), peer);
    io.x = x;
    // First, whatever else is wrong: behind such a line nothing is a request.
    const version = otherVersion(req, x);
    const refused = admitList(x) ?? version;
    connection.poisoned = x.poisoned;
    const hasBody = x.bodyLength !== 0;
    if (hasBody) io.expectBody(x.bodyLength);
    begin(x, hasBody ? io : null, refused);
  }

  /** What came is not HTTP, or ended too early. No request gets two answers, and no answer another into its middle. */
  #broken(error: NodeJS.ErrnoException, socket: Socket): void {
    const connection = this.#sockets.get(socket);
    const io = connection?.io ?? null;
    const idle = connection === undefined || connection.open === 0;
    if (connection?.poisoned === true) {
      // Else the answer, which is the last one, closes the connection.
      if (idle || error.code === 'ECONNRESET') socket.destroySoon();
    } else if (idle && (io === null || io.whole)) refuse(error, socket);
    else if (idle) socket.destroySoon();
    else if (LEFT.has(error.code) || io!.x.finished) socket.destroy();
    else io!.broken();
  }
}

/**
 * The client has ended its side: it has left, or still wants the reply (RFC 9112 section 9.6). Nobody can tell until
 * something is written to it, so it counts as gone when no reply has begun in time.
 */
function halfClosed(socket: Socket, connection: Connection): void {
  if (connection.open === 0) return;
  const end = (): void => {
    if (connection.open > 0 && connection.io?.x.started !== true) socket.destroy();
  };
  setTimeout(end, HALF_CLOSED_MS).unref();
}

const peerOf = (socket: Socket): string => normaliseIp(socket.remoteAddress ?? '') ?? 'unknown';

/** The last answer of a connection, to a request that nobody looked at. */
function turnAway(res: ServerResponse, { status, headers, body }: Reply): void {
  res.writeHead(status, [...headers, 'content-length', String(body?.length ?? 0), 'connection', 'close']);
  res.end(body);
}

/** How the parser tells of a client that goes in the middle of a request. */
const LEFT: ReadonlySet<string | undefined> = new Set(['ECONNRESET', 'HPE_INVALID_EOF_STATE']);

/** The parser lets HTTP/2.0 and HTTP/0.9 pass in a request line. */
function otherVersion({ httpVersionMajor }: IncomingMessage, x: Exchange): Fault | null {
  if (httpVersionMajor === 1) return null;
  x.poisoned = true;
  return fault('bad_request', 'the protocol version is not supported');
}

/** Names in lower case, values as text: node:http gives them byte by byte. */
function fieldsOf({ rawHeaders }: IncomingMessage): Headers {
  for (let i = 0; i < rawHeaders.length; i += 2) {
    rawHeaders[i] = rawHeaders[i]!.toLowerCase();
    const value = rawHeaders[i + 1]!;
    if (Buffer.byteLength(value) !== value.length)
      rawHeaders[i + 1] = Buffer.from(value, 'latin1').toString('utf8');
  }
  return rawHeaders;
}

/** Origin-form, or absolute-form, whose authority then counts as the Host (RFC 9112 section 3.2.2). */
function splitTarget(req: IncomingMessage): { path: string; query: string } {
  let target = req.url ?? '';
  const absolute = /^http:\/\/([^/?#]+)(.*)$/i.exec(target);
  if (absolute !== null) {
    const host = req.rawHeaders.findIndex((name, i) => i % 2 === 0 && name.toLowerCase() === 'host');
    if (host >= 0) req.rawHeaders[host + 1] = absolute[1]!;
    target = absolute[2]!.startsWith('/') ? absolute[2]! : `/${absolute[2]!}`;
  }
  const mark = target.indexOf('?');
  return mark < 0
    ? { path: target, query: '' }
    : { path: target.slice(0, mark), query: target.slice(mark + 1) };
}

/** What the parser refuses never becomes an exchange: it is answered here, and the connection ends. */
function refuse(error: NodeJS.ErrnoException, socket: Socket): void {
  if (!socket.writable) return void socket.destroy();
  const code =
    error.code === 'HPE_HEADER_OVERFLOW'
      ? 'headers_too_large'
      : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? 'body_timeout'
        : 'bad_request';
  const { status, headers, body } = problemReply(code, 'the request is not valid HTTP', newTraceId());
  const fields = ['connection', 'close', 'content-length', String(body?.length ?? 0), ...headers];
  let head = `HTTP/1.1 ${statusLine(status)}\r\n`;
  for (let i = 0; i < fields.length; i += 2) head += `${fields[i]!}: ${fields[i + 1]!}\r\n`;
  socket.end(Buffer.concat([Buffer.from(`${head}\r\n`), body ?? Buffer.alloc(0)]));
}
