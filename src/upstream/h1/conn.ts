import { performance } from 'node:perf_hooks';
import type { Socket } from 'node:net';
import { fault, type Fault } from '../../contracts/fault.ts';
import { EMPTY, type Sink, type Stream } from '../../contracts/transport.ts';
import { hold } from '../../lib/turn.ts';
import { Timer, wheel } from '../../lib/wheel.ts';
import { type Call, mayShare } from './call.ts';
import { dialFault, READ_BUFFER, type Dialer } from './dial.ts';
import { Line } from './line.ts';
import { Outgoing } from './outgoing.ts';
import type { Owner } from './owner.ts';
import { ReplyReader } from './parse.ts';
import { allowed, earlier, sooner } from './waits.ts';

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
  readonly #out: Outgoing;
  #phase = DIALING;
  #call: Call;
  /** Of the present call, until nobody waits for its reply. */
  #sink: Sink | null;
  #error: Error | null = null;
  /** It takes requests of this turn of the loop and writes them together at its end. */
  collects = false;
  /** Whether a request before this one has been served. */
  #reused = false;
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
    this.#sink = call.sink;
    const socket = dialer.dial((length) => this.#onRead(length));
    this.#socket = socket;
    this.#out = new Outgoing(socket, call.text);
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
    this.#take(call, false);
    this.#out.begin(call);
    this.#reader.expect(call.head.method === 'HEAD');
    const later = call.head.length !== 0 || shared || this.#owner.crowded;
    // Neither the limit on idling nor that on opening goes on; writing sets the next one.
    if (later) wheel.cancel(this.#timer);
    // Nobody knows yet whether a new connection will stay open for a second request.
    this.collects = shared && this.#reused;
    this.#sink!.onOpen(this, this.#reused);
    if (!later) this.flush();
    else if (this.#out.held !== '') hold(this);
  }

  #take(call: Call, piped: boolean): void {
    this.#phase = BUSY;
    this.#call = call;
    this.#sink = call.sink;
    this.#heard = false;
    this.#piped = piped;
    this.#ends = 0;
  }

  /** Puts a request in line, to be written at the end of this turn; false = there is no room. */
  join(call: Call, most: number): boolean {
    if (this.#phase !== BUSY || !this.#reused || this.#out.backed || this.#paused) return false;
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
    if (ms < Infinity) wheel.armAbout(this.#timer, ms);
    else wheel.cancel(this.#timer);
  }

  /** Lets go of a sink that still waits for this connection to open, or for its turn; false = it is another's. */
  disown(sink: Sink): boolean {
    if (this.#phase !== DIALING || this.#sink !== sink) return this.#line.forget(sink);
    this.#sink = null;
    this.#out.held = '';
    return true;
  }

  /** Closes at once; only the owner is told. `cut`: the upstream has, or wants it. */
  close(cut = false): void {
    if (this.#phase === DEAD) return;
    this.#phase = DEAD;
    this.#sink = null;
    this.#out.held = '';
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
    if (!this.#out.write(chunk, last)) return this.#misframed();
    this.#arm();
    return !this.#out.backed;
  }

  /** Sends the head alone, if no piece of body has taken it along, and those in line. */
  flush(): void {
    this.collects = false;
    if (this.#out.flush(this.#line.sending())) this.#arm();
  }

  pause(): void {
    this.#read(false);
  }

  resume(): void {
    this.#read(true);
  }

  #read(on: boolean): void {
    if (this.#sink === null || this.#paused === !on) return;
    this.#paused = !on;
    if (on) this.#socket.resume();
    else this.#socket.pause();
    this.#arm();
  }

  /** The time allowed ran out; which one it was follows from the state. */
  onTimer(): void {
    const now = performance.now();
    if (this.#line.length > 0) {
      this.#line.expire(now);
      if (this.#ends === 0 || now < this.#ends) return this.#watch();
    }
    if (this.#sink === null) this.close();
    else if (this.#phase === DIALING) this.#fail(fault('connect_timeout'), true);
    else this.#fail(fault(this.#isLate(now) ? 'reply_timeout' : 'idle_timeout'), false);
  }

  /** Whether it is the reply head, or its first byte, that did not come. */
  #isLate(now: number): boolean {
    const { replyBy } = this.#call;
    if (!this.#reader.inBody && replyBy > 0 && now >= replyBy) return true;
    return !this.#heard && !this.#out.backed;
  }

  #arm(): void {
    const { inBody } = this.#reader;
    const ms = allowed(this.#call.timeouts, this.#out, inBody, this.#heard, this.#paused);
    const by = inBody ? 0 : this.#call.replyBy;
    // A request that has gone out, the usual case, has a deadline that is known and needs no clock.
    this.#ends = ms === 0 ? by : earlier(performance.now() + ms, by);
    this.#watch();
  }

  #watch(): void {
    const deadline = earlier(this.#ends, this.#line.by);
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
    if (sink === null || this.#phase !== BUSY || this.#out.held !== '') return this.#broken();
    this.#reader.feed(READ_BUFFER, length);
    return this.#tell(sink);
  }

  /** Tells what the reader has found; false = the connection has ended. */
  #tell(sink: Sink): boolean {
    this.#heard = true;
    const reader = this.#reader;
    if (reader.wrong !== '')
      return this.#fail(fault('bad_reply', `The upstream's reply is invalid: ${reader.wrong}`), false);
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
    const reuse = this.#out.sent && !this.#out.backed && keepAlive && (!hasRest || this.#line.length > 0);
    this.resume();
    this.#sink = null;
    this.#reused = true;
    sink.onData(piece, true);
    if (this.#phase === DEAD) return true;
    if (!reuse) this.close();
    else if (this.#line.length > 0) return this.#next();
    else this.#owner.freed(this);
    return true;
  }

  /** It is the turn of the next in line; its reply may have come already. One that nobody wants is not waited for. */
  #next(): boolean {
    const { hasRest } = this.#reader;
    const sent = this.#line.nextIsSent;
    const call = this.#line.take();
    this.#take(call, true);
    this.#out.follow(sent ? '' : this.#line.sending());
    const { sink } = call;
    if (sink === null) {
      this.close();
      return false;
    }
    if (hasRest && !sent) return this.#fail(fault('reset'), true);
    sink.onOpen(this, true);
    this.#reader.feedRest(call.head.method === 'HEAD');
    if (hasRest) return this.#tell(sink);
    this.#arm();
    return true;
  }

  #onDrain(): void {
    this.#out.backed = false;
    if (this.#sink === null) return;
    this.#arm();
    this.#sink.onDrain();
  }

  #onEnd(): void {
    // During a handshake the error that follows says more.
    if (this.#phase === DIALING) return;
    const sink = this.#sink;
    if (sink === null || !this.#reader.untilClose) return void this.#broken();
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
  #broken(): false {
    if (this.#misused) return this.#fail(fault('internal'), false);
    if (this.#phase === DIALING) return this.#fail(fault(dialFault(this.#error)), true);
    if (this.#sink !== null && this.#reader.inBody) return this.#fail(fault('reply_cut'), false);
    return this.#fail(fault('reset'), this.#out.held !== '' || (this.#reused && !this.#heard));
  }

  /** Ends the connection; whoever waits for the reply is told why. False, for those who end with it. */
  #fail(why: Fault, unsent: boolean): false {
    const sink = this.#sink;
    this.close(!why.code.endsWith('timeout'));
    sink?.onFault(why, unsent);
    return false;
  }
}
