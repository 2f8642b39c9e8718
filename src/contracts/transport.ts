import type { Fault } from './fault.ts';
import type { ReplyHead, RequestHead } from './http.ts';

/** Time allowances of an attempt in milliseconds; 0 = none. */
export interface Timeouts {
  /** Until the connection stands (TLS included). */
  readonly connect: number;
  /** From the request sent until the first byte of the reply. */
  readonly firstByte: number;
  /** All attempts until the reply head is there; a transport is told what is left of it. */
  readonly request: number;
  /** Silence between two bytes, while we are reading. */
  readonly idle: number;
}

/** One address behind an upstream, with the transport that reaches it. */
export interface Target {
  /** Label in logs and metrics: `host:port` as configured. */
  readonly id: string;
  /** Host field of a request to this target, when `upstream.host` is `target`. */
  readonly authority: string;
  readonly weight: number;
  readonly transport: Transport;
}

/** One way to reach one target; owns its connections. Every protocol is used through these calls. */
export interface Transport {
  /**
   * Starts one request. Calls `sink.onOpen` as soon as a connection carries it: before returning when
   * one is free, later otherwise; or `sink.onFault`, never before returning.
   * The head is written with the first piece of body, or alone when there is none.
   * @param replyBy When the reply head must be there, in milliseconds of `performance.now()`; 0 = no bound.
   */
  open(head: RequestHead, timeouts: Timeouts, replyBy: number, sink: Sink): void;
  /** Forgets a sink that still waits for a connection. No call reaches it afterwards. */
  cancel(sink: Sink): void;
  /** Takes no new requests, lets running ones finish, closes idle connections at once. */
  close(): void;
}

/** The request side of one running attempt. */
export interface Stream {
  /**
   * Sends a piece of the body; the bytes are copied or sent before it returns. `last` ends the message.
   * False = the connection is backed up: wait for `sink.onDrain`.
   */
  write(chunk: Uint8Array, last: boolean): boolean;
  /** Stops (or goes on) reading the reply. Silence is not counted while stopped. */
  pause(): void;
  resume(): void;
  /** Ends the attempt at once; the connection is closed, so that a half-sent request never looks whole. */
  abort(): void;
}

/** What a transport tells about one attempt. `pipeline/attempt.ts` listens; a discarding one serves mirrors. */
export interface Sink {
  /** A connection carries the request from now on. `reused`: it has served before, so it may be stale. */
  onOpen(stream: Stream, reused: boolean): void;
  /** The final reply head (1xx are skipped). Always followed, before control returns, by one `onData`. */
  onHead(head: ReplyHead): void;
  /**
   * A piece of the reply body, possibly empty; valid during the call only (copy what is kept). `last` = the
   * message is complete: nothing is called afterwards. To stop the flow call `stream.pause()`.
   */
  onData(chunk: Uint8Array, last: boolean): void;
  /** The request side takes more bytes again. */
  onDrain(): void;
  /**
   * The attempt failed; nothing is called afterwards. `unsent`: the upstream has certainly not seen this
   * request, or it came over a reused connection that was closed before one byte of reply (see `reused`).
   */
  onFault(fault: Fault, unsent: boolean): void;
}

/** What an edge reads from the client: the request body, already de-framed. */
export interface Source {
  /** Announced length in bytes; -1 = chunked. */
  readonly length: number;
  /** Starts the flow. Bytes that came before are delivered first. Called once. */
  pipe(to: BodySink): void;
  /** After a false `onBody`: go on. */
  resume(): void;
  /** Whatever still comes is thrown away. */
  discard(): void;
}

/** Where the request body goes. */
export interface BodySink {
  /** A piece, valid during the call only. False = stop until `resume()`; what comes meanwhile is kept, within bounds. */
  onBody(chunk: Uint8Array, last: boolean): boolean;
}

/** The way back to the client; one per exchange, implemented by each edge. */
export interface Downstream {
  /** Remembers the head; it goes out with the first `write`, which follows in the same turn of the loop. */
  start(head: ReplyHead): void;
  /**
   * A piece of reply body (copied before it returns). False = backed up: stop until the edge calls
   * `drained`. After the `last` piece the edge calls `finish`, at once or when the tail is out. The edge
   * knows which replies have no body (HEAD, 204, 304) and leaves it out.
   */
  write(chunk: Uint8Array, last: boolean): boolean;
  /** Ends the connection so that the client sees a truncated message, never a complete one. */
  cut(): void;
}

/** The empty chunk, for heads that go out alone and for ends without a last piece. */
export const EMPTY: Uint8Array = new Uint8Array(0);
