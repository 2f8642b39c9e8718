import { fault } from '../contracts/fault.ts';
import type { ReplyHead } from '../contracts/http.ts';
import { EMPTY, type BodySink, type Downstream, type Source } from '../contracts/transport.ts';
import { isBodiless } from '../lib/status.ts';
import type { Exchange } from '../pipeline/exchange.ts';
import { finish } from '../pipeline/reply.ts';
import { bodyFault, clientGone, drained } from '../pipeline/run.ts';
import { BodyQueue } from './body-queue.ts';
import { endChunksByHand, EndedByHand, endHeadByHand } from './uws-by-hand.ts';
import { CORK_ROOM, corked, corkedPieces, refuseHead, roomBeside, type Corked } from './uws-cork.ts';
import { Reading, rearm, type Reader } from './uws-reading.ts';
import type { UwsContext, UwsResponse } from './uws-types.ts';
import { writeHead } from './write-head.ts';

const endBody = (io: UwsIo): void => io.bodyEnded();
const writeLate = (io: UwsIo, chunk: Uint8Array): boolean => io.write(chunk, true);
const cutLate = (io: UwsIo): void => io.cut();

/** One request's side of the addon. After `closed` it does not touch the response: that would throw, or end the process. */
export class UwsIo implements Source, Downstream, Corked, Reader {
  x!: Exchange;
  begun = false;
  closed = false;
  readonly #res: UwsResponse;
  readonly #context: UwsContext;
  #head: ReplyHead | null = null;
  /** Announced length of the streamed reply; -1 = chunked. */
  #total = -1;
  /** What a sized reply could not hand to the kernel yet, and the offset of its first byte. */
  #tail: Uint8Array | null = null;
  #tailAt = 0;
  /** The body came to its end. */
  #ended = true;
  /** Null = there is no body. */
  #reading: Reading | null = null;
  #sink: BodySink | null = null;
  #queue: BodyQueue | null = null;
  #discarding = false;
  #late = false;
  /** The addon must not know of the reply's end. */
  #byHand = false;
  #over: EndedByHand | null = null;

  constructor(res: UwsResponse, context: UwsContext) {
    this.#res = res;
    this.#context = context;
  }

  get length(): number {
    return this.x.bodyLength;
  }

  /** The addon knows that the reply has ended. */
  get answered(): boolean {
    return this.closed && this.#over === null;
  }

  /** The body follows. */
  expectBody(): void {
    this.#ended = false;
    this.#reading = new Reading(this.#res, this);
    this.#reading.expect();
  }

  /** What follows of the body comes in a later turn: the silence until then is bounded. */
  turned(): void {
    if (!this.#ended && !this.closed) this.#reading!.await(this.#silence());
  }

  /** Milliseconds that the client may be silent; 0 = any time, or nobody waits for it. */
  #silence(): number {
    return this.#discarding || this.#reading!.paused ? 0 : this.x.runtime.config.limits.bodyTimeout;
  }

  /** A piece from the addon; its memory is taken away when this returns. */
  data(piece: ArrayBuffer, last: boolean): void {
    const { x } = this;
    x.bytesIn += piece.byteLength;
    this.#ended = last;
    if (last) this.#reading!.disarm();
    if (this.#discarding || this.closed) return this.#over?.heard(last);
    if (x.bytesIn > x.route.bodyBytes) return bodyFault(x, fault('body_too_large'));
    if (!last && !this.#reading!.paused) this.#reading!.expect();
    // The end of chunks may be misread: then what follows in the segment makes the addon close the connection first.
    const later = last && this.length < 0;
    this.#take(new Uint8Array(piece), last && !later);
    if (later) setImmediate(endBody, this);
  }

  /** The chunked body is complete. */
  bodyEnded(): void {
    if (!this.#discarding && !this.closed) this.#take(EMPTY, true);
  }

  #take(chunk: Uint8Array, last: boolean): void {
    if (this.#sink === null || this.#reading!.paused) this.#keep(chunk, last);
    else if (!this.#sink.onBody(chunk, last) && !this.#ended) this.#reading!.pause();
  }

  pipe(to: BodySink): void {
    this.#sink = to;
    if (this.#queue !== null) this.resume();
  }

  resume(): void {
    if (this.#sink === null || this.#discarding) return;
    if (this.#queue !== null && !this.#queue.drain(this.#sink)) return;
    if (!this.#reading!.paused || this.closed) return;
    this.#reading!.resume();
    if (!this.#ended) this.#reading!.arm(this.#silence());
  }

  discard(): void {
    this.#discarding = true;
    this.#queue?.clear();
    this.#reading?.disarm();
  }

  /** The client fell silent in the middle of its body. */
  onTimer(): void {
    bodyFault(this.x, fault('body_timeout'));
  }

  #keep(chunk: Uint8Array, last: boolean): void {
    this.#queue ??= new BodyQueue();
    if (!this.#queue.push(chunk, last))
      return bodyFault(this.x, fault('overload', 'too much request data is waiting'));
    if (!this.#ended && !this.#reading!.paused) this.#reading!.pause();
  }

  start(head: ReplyHead): void {
    this.#head = head;
  }

  write(chunk: Uint8Array, last: boolean): boolean {
    if (this.closed) {
      if (last) finish(this.x);
      return true;
    }
    let room = CORK_ROOM;
    if (this.#head !== null) {
      room = roomBeside(this.#head);
      if (room < 0) return refuseHead(this.x);
      if (last && !this.#late && (this.length < 0 || !this.#ended)) return this.#writeLate(chunk);
      this.#byHand = !this.#ended || (this.length < 0 && !(last && chunk.length <= room));
    }
    this.#reading?.writing();
    // What has a length goes out by `tryEnd`, which may be of any size.
    const whole = chunk.length <= room || this.#sized(last);
    const flowing = whole
      ? corked(this.#res, this, chunk, last, this.#context)
      : corkedPieces(this.#res, this, chunk, last, this.#context, room);
    if (!this.closed) this.#reading?.written(flowing);
    return flowing;
  }

  /** The segment is read on first: a request in it would undo the end of the connection, the rest of the body spares it. */
  #writeLate(chunk: Uint8Array): true {
    this.#head!.keep();
    this.discard();
    setImmediate(writeLate, this, chunk.slice());
    return (this.#late = true);
  }

  #sized(last: boolean): boolean {
    return this.#head === null ? this.#total >= 0 : !this.#byHand && (last || this.#head.length >= 0);
  }

  cut(): void {
    if (this.closed) return;
    this.closed = true;
    this.#res.close();
  }

  /** The connection ended under the exchange. */
  aborted(): void {
    this.closed = true;
    this.#over?.closed();
    if (this.begun) clientGone(this.x);
  }

  /** Runs corked. */
  send(chunk: Uint8Array, last: boolean): boolean {
    const head = this.#head;
    if (head !== null) {
      if (last || chunk.length > 0 || isBodiless(this.x.method, head.status))
        return this.#sendHead(head, chunk, last);
      // The addon cannot send a head alone: it waits for the first bytes of its body.
      head.keep();
      return true;
    }
    this.x.bytesOut += chunk.length;
    if (this.#total >= 0) return this.#sendSized(chunk);
    if (last) return this.#end(chunk, true);
    return this.#res.write(chunk);
  }

  #sendHead(head: ReplyHead, chunk: Uint8Array, last: boolean): boolean {
    const res = this.#res;
    const { status, length } = head;
    this.#head = null;
    writeHead(res, head, this.#context.blockWrite);
    if (isBodiless(this.x.method, status)) return this.#endBodiless(status, length);
    if (this.#byHand && last && chunk.length === 0) return this.#endBodiless(status, 0);
    this.x.bytesOut = chunk.length;
    const whole = last && !this.#byHand && chunk.length <= roomBeside(head);
    if (this.#ends() && (!whole || this.x.closingOnly)) res.writeHeader('connection', 'close');
    if (whole) return this.#end(chunk, false);
    // Without this handler the addon forgets a connection's own time-out after a stalled write.
    res.onWritable((offset) => this.#writable(offset));
    if (!this.#byHand) this.#total = last ? chunk.length : length;
    else if (last) return this.#end(chunk, true);
    return this.#total >= 0 ? this.#sendSized(chunk) : res.write(chunk);
  }

  #endBodiless(status: number, length: number): boolean {
    const res = this.#res;
    // Of all ends this one alone starts no timer for the idle connection.
    rearm(res);
    // A 204 has no length (RFC 9110 section 8.6).
    const sized = status !== 204 && length >= 0;
    if (this.#ends() && (!sized || this.#byHand)) {
      // The addon takes an undefined length for a number.
      endHeadByHand(res, sized ? length : -1);
      if (this.#byHand) return this.#endByHand();
      setImmediate(cutLate, this);
    } else {
      this.#complete();
      if (sized) res.endWithoutBody(length, this.#ends());
      else res.endWithoutBody();
    }
    finish(this.x);
    return true;
  }

  #end(chunk: Uint8Array, streamed: boolean): boolean {
    if (this.#byHand) {
      if (chunk.length > 0) this.#res.write(chunk);
      endChunksByHand(this.#res);
      return this.#endByHand();
    }
    // After a streamed head the addon would write its `Connection: close` into the body.
    this.#res.end(chunk, !streamed && this.#ends());
    return this.#completed();
  }

  #endByHand(): boolean {
    this.#over = new EndedByHand(this.#res, this.#ended, this.x.runtime.config.limits.bodyTimeout);
    return this.#completed();
  }

  #sendSized(chunk: Uint8Array): boolean {
    // An empty piece would count as the end.
    if (chunk.length === 0) return true;
    const res = this.#res;
    const before = res.getWriteOffset();
    const [ok, done] = res.tryEnd(chunk, this.#total);
    if (done) return this.#completed();
    if (ok) return true;
    this.#tailAt = res.getWriteOffset();
    this.#tail = chunk.slice(this.#tailAt - before);
    return false;
  }

  #writable(offset: number): boolean {
    if (this.closed) return true;
    if (this.#tail !== null) {
      const [ok, done] = this.#res.tryEnd(this.#tail.subarray(offset - this.#tailAt), this.#total);
      if (done) return this.#completed();
      if (!ok) return false;
      this.#tail = null;
      this.#reading?.written(true);
    } else {
      // What `write` had to keep goes out with the next write only, and there may be none for long.
      this.#res.cork(() => undefined);
    }
    drained(this.x);
    return true;
  }

  #completed(): boolean {
    this.#complete();
    finish(this.x);
    return true;
  }

  /** The last call on the response is about to be made, or was. A paused connection must not stay so. */
  #complete(): void {
    this.#reading?.resume();
    this.closed = true;
  }

  /** The addon may misread where a chunked body ends: what follows must not count as a request. */
  #ends(): boolean {
    return this.#byHand || this.length < 0 || this.#context.draining || this.x.closing || this.x.poisoned;
  }
}
