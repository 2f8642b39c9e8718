import { performance } from 'node:perf_hooks';
import type { Socket } from 'node:net';
import { fault } from '../../contracts/fault.ts';
import type { Fault } from '../../contracts/fault.ts';
import { EMPTY } from '../../contracts/transport.ts';
import type { Sink, Stream } from '../../contracts/transport.ts';
import { Timer, wheel } from '../../lib/wheel.ts';
import { type Call, mayShare } from './call.ts';
import { dialFault, READ_BUFFER } from './dial.ts';
import type { Dialer } from './dial.ts';
import { hold } from './held.ts';
import { Line } from './line.ts';
import { sooner } from './queue.ts';
import { ReplyReader } from './parse.ts';
import { writePiece } from './write.ts';

/** Who is told about the life of a connection: the pool. */
export interface Owner {
  /** It can serve: it has just been opened and its request is gone, or a reply is complete. */
  freed(conn: H1Conn): void;
  /** It is closed. */
  lost(conn: H1Conn): void;
  /** It is closed, and these never had their turn: they are to go out again. `cut`: the upstream closed it on them. */
  unanswered(calls: readonly Call[], cut: boolean): void;
}

const DIALING = 0;
const BUSY = 1;
const IDLE = 2;
const DEAD = 3;

/**
 * One connection, and the `Stream` of the one request whose reply is awaited; with pipelining others stand in line
 * behind it, and know of no stream until it is their turn. All faults leave through `#fail`, all time-outs through one
 * timer whose meaning follows from the state.
 */
export class H1Conn implements Stream {
  readonly #owner: Owner;
  readonly #socket: Socket;
  readonly #reader = new ReplyReader();
  readonly #timer = new Timer(this);
  readonly #line = new Line();
  #phase = DIALING;
  #call: Call;
  /** Of the present call, until nobody waits for its reply. */
  #sink: Sink | null;
  #error: Error | null = null;
  /** It takes requests of this turn of the loop and writes them together at its end. */
  collects = false;
  /** Whether a request before this one has been served. */
  #reused = false;
  /** The head, until it goes out with the first piece of body. */
  #held = '';
  /** Body bytes that were announced and not yet written; -1 = chunked. */
  #left = 0;
  /** The caller has said that the request is whole: he will not write again. */
  #sent = false;
  /** The socket takes no more until it drains. */
  #backed = false;
  /** A byte of reply has come. */
  #heard = false;
  #paused = false;
  #misused = false;
  /** The present call has come by the line. */
  #piped = false;
  /** When the present state has lasted too long; 0 = never. */
  #ends = 0;

  /** Opens a connection for one request, which has `connectMs` left to wait for it (0 = any time). */
  constructor(owner: Owner, dialer: Dialer, call: Call, connectMs: number) {
    this.#owner = owner;
    this.#call = call;
    this.#held = call.text;
    this.#sink = call.sink;
    const socket = dialer.dial((length) => this.#onRead(length));
    this.#socket = socket;
    socket.on(dialer.ready, () => this.#onReady());
    socket.on('drain', () => this.#onDrain());
    socket.on('end', () => this.#onEnd());
    socket.on('error', (error: Error) => (this.#error = error));
    socket.on('close', () => this.#broken());
    const now = performance.now();
    const ms = sooner(connectMs, call.replyBy, now);
    if (ms > 0) wheel.arm(this.#timer, ms, now);
  }

  /** Gives the free connection a request. `shared`: it waits for others until this turn of the loop ends. */
  start(call: Call, shared: boolean): void {
    const { head } = call;
    this.#take(call);
    this.#sent = this.#piped = false;
    this.#ends = 0;
    this.#reader.expect(head.method === 'HEAD');
    this.#held = call.text;
    // Neither the limit on idling nor that on opening goes on; writing sets the next one.
    if (head.length !== 0 || shared) wheel.cancel(this.#timer);
    // Nobody knows yet whether a new connection will stay open for a second request.
    this.collects = shared && this.#reused;
    this.#sink!.onOpen(this, this.#reused);
    if (head.length === 0 && !this.collects) this.flush();
    else if (this.#held !== '') hold(this);
  }

  #take(call: Call): void {
    this.#phase = BUSY;
    this.#call = call;
    this.#sink = call.sink;
    this.#left = call.head.length;
    this.#heard = false;
  }

  /** Puts a request in line, to be written at the end of this turn; false = there is no room. */
  join(call: Call, most: number): boolean {
    if (this.#phase !== BUSY || !this.#reused || this.#backed || this.#paused) return false;
    if (this.#line.length + 1 >= most || !mayShare(this.#call.head)) return false;
    this.#line.add(call);
    this.#watch();
    if (!this.collects) hold(this);
    return (this.collects = true);
  }

  /** Rests until the next request, at most `idleMs` (0 = as long as the upstream likes). */
  rest(idleMs: number): void {
    this.#phase = IDLE;
    const ms = Math.min(idleMs > 0 ? idleMs : Infinity, this.#reader.keepAliveMs);
    if (ms < Infinity) wheel.arm(this.#timer, ms, performance.now());
    else wheel.cancel(this.#timer);
  }

  /** Lets go of a sink that still waits for this connection to open, or for its turn; false = it is another's. */
  disown(sink: Sink): boolean {
    if (this.#phase !== DIALING || this.#sink !== sink) return this.#line.forget(sink);
    this.#sink = null;
    this.#held = '';
    return true;
  }

  /** Closes at once; only the owner is told. `cut`: the upstream has, or wants it. */
  close(cut = false): void {
    if (this.#phase === DEAD) return;
    this.#phase = DEAD;
    this.#sink = null;
    this.#held = '';
    this.collects = false;
    wheel.cancel(this.#timer);
    this.#socket.destroy();
    this.#owner.lost(this);
    if (this.#line.length > 0 || (cut && this.#piped)) this.#owner.unanswered(this.#line.leave(), cut);
  }

  abort(): void {
    this.close();
  }

  write(chunk: Uint8Array, last: boolean): boolean {
    // The reply was complete before the request: what still comes is of no use to anybody.
    if (this.#sink === null) return true;
    const { length } = chunk;
    const chunked = this.#left < 0;
    if (chunked ? this.#sent && length > 0 : length > this.#left || (last && length < this.#left))
      return this.#misframed();
    if (!chunked) this.#left -= length;
    const ends = last && !this.#sent;
    if (last) this.#sent = true;
    if (length > 0 || (chunked && ends))
      this.#wrote(writePiece(this.#socket, this.#held, chunk, chunked, last));
    else if (ends && this.#held === '') this.#arm();
    else if (ends) this.#send(this.#held);
    return !this.#backed;
  }

  /** Sends the head alone, if no piece of body has taken it along, and those in line. */
  flush(): void {
    this.collects = false;
    if (this.#line.unsent !== '') this.#held += this.#line.sending();
    if (this.#held === '') return;
    if (this.#call.head.length === 0) this.#sent = true;
    this.#send(this.#held);
  }

  #send(text: string): void {
    // Asking first whether latin1 would do costs more than encoding as UTF-8 what nearly always is ASCII.
    this.#wrote(this.#socket.write(text, 'utf8'));
  }

  #wrote(flowing: boolean): void {
    this.#held = '';
    this.#backed = !flowing;
    this.#arm();
  }

  pause(): void {
    if (this.#sink === null || this.#paused) return;
    this.#paused = true;
    this.#socket.pause();
    this.#arm();
  }

  resume(): void {
    if (this.#sink === null || !this.#paused) return;
    this.#paused = false;
    this.#socket.resume();
    this.#arm();
  }

  /** The time allowed ran out; which one it was follows from the state. */
  onTimer(): void {
    if (this.#line.length > 0 && this.#othersExpire()) return;
    if (this.#sink === null) this.close();
    else if (this.#phase === DIALING) this.#fail(fault('connect_timeout'), true);
    else if (!this.#reader.inBody && this.#overdue()) this.#fail(fault('reply_timeout'), false);
    else this.#fail(fault(this.#heard || this.#backed ? 'idle_timeout' : 'reply_timeout'), false);
  }

  /** Fails those in line whose time is over; true = it was only theirs. */
  #othersExpire(): boolean {
    const now = performance.now();
    this.#line.expire(now);
    if (this.#ends > 0 && now >= this.#ends) return false;
    this.#watch();
    return true;
  }

  #overdue(): boolean {
    const { replyBy } = this.#call;
    return replyBy > 0 && performance.now() >= replyBy;
  }

  /** Milliseconds that the present state may last; 0 = any time. */
  #allowed(): number {
    if (this.#backed) return this.#call.timeouts.idle;
    if (this.#paused) return 0;
    if (this.#reader.inBody) return this.#call.timeouts.idle;
    if (!this.#sent) return 0;
    return this.#heard ? this.#call.timeouts.idle : this.#call.timeouts.firstByte;
  }

  #arm(): void {
    const ms = this.#allowed();
    const by = this.#reader.inBody ? 0 : this.#call.replyBy;
    // A request that has gone out, the usual case, has a deadline that is known and needs no clock.
    this.#ends = ms === 0 ? by : Math.min(performance.now() + ms, by > 0 ? by : Infinity);
    this.#watch();
  }

  #watch(): void {
    const { by } = this.#line;
    const deadline = by > 0 && (by < this.#ends || this.#ends === 0) ? by : this.#ends;
    if (deadline > 0) wheel.armAt(this.#timer, deadline);
    else wheel.cancel(this.#timer);
  }

  #onReady(): void {
    wheel.cancel(this.#timer);
    if (this.#sink === null) this.#owner.freed(this);
    else this.start(this.#call, false);
  }

  #onRead(length: number): boolean {
    const sink = this.#sink;
    // Bytes that answer nothing: whoever sends them cannot be trusted with a request.
    if (sink === null || this.#phase !== BUSY || this.#held !== '') {
      this.#broken();
      return false;
    }
    this.#reader.feed(READ_BUFFER, length);
    return this.#tell(sink);
  }

  /** Tells what the reader has found; false = the connection has ended. */
  #tell(sink: Sink): boolean {
    this.#heard = true;
    const reader = this.#reader;
    if (reader.wrong !== '') {
      this.#fail(fault('bad_reply', `The upstream's reply is invalid: ${reader.wrong}`), false);
      return false;
    }
    const first = reader.head !== null;
    if (first) sink.onHead(reader.head!);
    if (this.#sink !== sink) return true;
    if (reader.done) return this.#finish(sink);
    if (first || reader.piece.length > 0) sink.onData(reader.piece, false);
    if (this.#sink === sink) this.#arm();
    return true;
  }

  #finish(sink: Sink): boolean {
    const { keepAlive, hasRest, piece } = this.#reader;
    const reuse = this.#sent && !this.#backed && keepAlive && (!hasRest || this.#line.length > 0);
    this.#sink = null;
    this.#reused = true;
    sink.onData(piece, true);
    if (this.#phase === DEAD) return true;
    if (!reuse) this.close();
    else {
      if (this.#paused) {
        this.#paused = false;
        this.#socket.resume();
      }
      if (this.#line.length > 0) return this.#next();
      this.#owner.freed(this);
    }
    return true;
  }

  /** It is the turn of the next in line; its reply may have come already. */
  #next(): boolean {
    const { hasRest } = this.#reader;
    this.#sent = this.#line.nextIsSent;
    const call = this.#line.take();
    const { sink } = call;
    this.#take(call);
    this.#piped = true;
    if (!this.#sent) this.#held = this.#line.sending();
    // Whose reply nobody wants would only keep the others waiting.
    if (sink === null || (hasRest && !this.#sent)) {
      this.close();
      return false;
    }
    sink.onOpen(this, true);
    this.#reader.feedRest(call.head.method === 'HEAD');
    if (hasRest) return this.#tell(sink);
    this.#arm();
    return true;
  }

  #onDrain(): void {
    this.#backed = false;
    if (this.#sink === null) return;
    this.#arm();
    this.#sink.onDrain();
  }

  #onEnd(): void {
    // During a handshake the error that follows says more.
    if (this.#phase === DIALING) return;
    const sink = this.#sink;
    if (sink === null || !this.#reader.untilClose) {
      this.#broken();
      return;
    }
    this.close();
    sink.onData(EMPTY, true);
  }

  /** The caller wrote what he had not announced: the upstream must not take the message for a whole one. */
  #misframed(): false {
    this.#misused = true;
    this.#socket.destroy();
    return false;
  }

  /** The connection is gone, or as good as. */
  #broken(): void {
    const untouched = this.#held !== '';
    if (this.#sink === null) this.close();
    else if (this.#misused) this.#fail(fault('internal'), false);
    else if (this.#phase === DIALING) this.#fail(fault(dialFault(this.#error)), true);
    else if (this.#reader.inBody) this.#fail(fault('reply_cut'), false);
    else this.#fail(fault('reset'), untouched || (this.#reused && !this.#heard));
  }

  #fail(why: Fault, unsent: boolean): void {
    const sink = this.#sink;
    this.close(!why.code.endsWith('timeout'));
    sink?.onFault(why, unsent);
  }
}
