/**
 * The part of uWebSockets.js that the edge uses, typed by what was measured on the wire with the pinned build
 * (20.57.0), and nothing more. Methods that only this build has are optional: test for them before use.
 */

/** Text (sent as UTF-8) or bytes; of a view exactly its own bytes are taken, and they are copied. */
export type Bytes = string | ArrayBuffer | Uint8Array;

/** A native pointer: handing any other object to a native function ends the process. */
export type ListenSocket = object;

/** The module itself. */
export interface Uws {
  App(): UwsApp;
  /** Throws when a file cannot be used. */
  SSLApp(options: TlsAppOptions): UwsApp;
  us_listen_socket_close(socket: ListenSocket): void;
  /** Port of a listening socket. */
  us_socket_local_port(socket: ListenSocket): number;
  /** Value of `options` in `UwsApp.listen` that refuses a port which another process listens on. */
  readonly LIBUS_LISTEN_EXCLUSIVE_PORT: number;
  /** Undocumented switches. */
  _cfg?(key: string): void;
}

/** Files are read before the call returns. TLS 1.2 and 1.3; no option bounds that. */
export interface TlsAppOptions {
  /** PEM, leaf first. */
  readonly cert_file_name: string;
  readonly key_file_name: string;
  /** Cipher suites of TLS 1.2, in OpenSSL's names. */
  readonly ssl_ciphers: string;
}

/** One HTTP server. A throw of a handler reaches `uncaughtException` and leaves the request unanswered. */
export interface UwsApp {
  /** As `any`, for requests whose method is exactly `GET`. */
  get(pattern: string, handler: (res: UwsResponse, req: UwsRequest) => void): UwsApp;
  /** As `any`, for requests whose method is exactly `POST`. */
  post(pattern: string, handler: (res: UwsResponse, req: UwsRequest) => void): UwsApp;
  /** Every method, all paths that match; `/*` is everything. A handler must reply or register `onAborted` before it returns. */
  any(pattern: string, handler: (res: UwsResponse, req: UwsRequest) => void): UwsApp;
  /** `count` is +1 for a new connection, -1 for a closed one; then `res` has no address any more and is not the same object. */
  filter(handler: (res: UwsResponse, count: number) => void): UwsApp;
  /** Calls back before it returns; `false` = the address cannot be bound. */
  listen(host: string, port: number, done: (socket: ListenSocket | false) => void): UwsApp;
  listen(host: string, port: number, options: number, done: (socket: ListenSocket | false) => void): UwsApp;
  /**
   * Another certificate for a name as the client writes it, or for `*.` and one label more. Files that cannot be
   * used and names that are there already are passed over in silence.
   */
  addServerName(name: string, options: TlsAppOptions): UwsApp;
  /** From now on `any` is about that name, which has routes of its own. Prints a line to descriptor 1. */
  domain(name: string): UwsApp;
  /** Hands the connections that this app accepts to others, in turn; with none left it serves them itself. */
  addChildAppDescriptor(descriptor: object): UwsApp;
  removeChildAppDescriptor(descriptor: object): UwsApp;
  /** What these two want. */
  getDescriptor(): object;
  /** Cuts every connection and closes every listening socket at once. */
  close(): UwsApp;
  /**
   * Seconds, 0 = none. Runs from the accepted connection until its first request head is whole, whatever trickles
   * in; and, with an `onData` handler, anew for every 16 KB times these seconds of body. A wheel of 4 s steps: N is
   * rounded up to a multiple of 4, then fires between N - 4 and N. More than 960 wraps round to almost nothing.
   */
  setIdleTimeout?(seconds: number): UwsApp;
  /**
   * Seconds, 0 = none; steps and limit as above. Despite its name it never bounds a pending response: it runs from
   * the end of a response until the next request head is whole (keep-alive), while a client does not read what was
   * written, and from `UwsResponse.resume` on.
   */
  setResponseTimeout?(seconds: number): UwsApp;
}

/** Valid until its handler returns. */
export interface UwsRequest {
  /** The method as sent. (`getMethod` would lower-case it in place.) */
  getCaseSensitiveMethod(): string;
  /** The raw path, up to `?`. */
  getUrl(): string;
  /** The raw query without `?`; empty when there is none. */
  getQuery(): string;
  /** First value of a field, `name` in lower case; empty when absent. */
  getHeader(name: string): string;
  /** Every field in wire order, names in lower case, repeats separate, values decoded as UTF-8. */
  forEach(each: (name: string, value: string) => void): void;
}

/** Valid until it ended or aborted; every call afterwards throws. */
export interface UwsResponse {
  /** First of all calls, `200 OK`, unchecked: one with line ends inside writes fields too. Skipped later on without a word. */
  writeStatus(status: Bytes): UwsResponse;
  /** Writes `name: value` unchecked. A value with line ends inside writes several fields at once. */
  writeHeader(name: Bytes, value: Bytes): UwsResponse;
  /** One chunk of a chunked body. False = buffered: wait for `onWritable`. An empty one flushes a head without its end. */
  write(chunk: Bytes): boolean;
  /**
   * Ends with Content-Length, or with the last chunk after `write`. `close` adds `Connection: close` and a FIN;
   * never after `write`: the field would land in the middle of the body.
   */
  end(body?: Bytes, close?: boolean): UwsResponse;
  /** Ends without body; `length` is written as Content-Length (HEAD, 304). */
  endWithoutBody(length?: number, close?: boolean): UwsResponse;
  /**
   * A piece of a body of `total` bytes: `[everything was taken, the response has ended]`. On a false first value
   * go on from `getWriteOffset`. Never an empty piece with a total above 0: that ends the response at once.
   */
  tryEnd(piece: Bytes, total: number): [boolean, boolean];
  /** Body bytes taken so far. */
  getWriteOffset(): number;
  /** Cuts the connection; `onAborted` runs before it returns. */
  close(): UwsResponse;
  /** Everything written inside goes out in one piece. An empty function flushes what was buffered before. */
  cork(write: () => void): UwsResponse;
  /**
   * The connection takes bytes again. With a handler registered, what `write` had buffered stays where it is until
   * the next write or an empty `cork`.
   */
  onWritable(handler: (offset: number) => boolean): UwsResponse;
  /** The client left, or a timer or `close` cut it. Never after a complete end. */
  onAborted(handler: () => void): UwsResponse;
  /** Pieces of the body; a piece is emptied when the handler returns. */
  onData(handler: (piece: ArrayBuffer, last: boolean) => void): UwsResponse;
  /** Stops reading; what the client does is not noticed meanwhile. */
  pause(): void;
  /** Goes on reading, and restarts the connection's timer with the seconds of `setResponseTimeout`. */
  resume(): void;
  /** 4 or 16 bytes: IPv4 peers have 4 when the listening address is an IPv4 one. Empty once closed. */
  getRemoteAddress(): ArrayBuffer;
  /** The same as text; IPv6 uncompressed. */
  getRemoteAddressAsText(): ArrayBuffer;
}

/** What the exchanges of one listener share. */
export interface UwsContext {
  /** Answers end their connections from now on. */
  draining: boolean;
  /**
   * Whose request is being handled, as the first of its read, and nothing written yet: the addon has corked its response.
   * (It takes that back after a long write, for all that follows in the read.)
   */
  corked: object | null;
  /** Whether the addon writes fields as they are that are given as one value, or behind a status (self-test). */
  readonly blockWrite: boolean;
}
