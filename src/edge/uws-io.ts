import { fault } from '../contracts/fault.ts';
import type { ReplyHead } from '../contracts/http.ts';
import { EMPTY, type BodySink, type Downstream, type Source } from '../contracts/transport.ts';
import { Timer, wheel } from '../lib/wheel.ts';
import type { Exchange } from '../pipeline/exchange.ts';
import { finish } from '../pipeline/reply.ts';
import { bodyFault, clientGone, drained } from '../pipeline/run.ts';
import { BodyQueue } from './body-queue.ts';
import { statusLine } from './status.ts';
import { CORK_ROOM, corked, refuseHead, roomBeside, type Corked } from './uws-cork.ts';
import { Reading, rearm } from './uws-reading.ts';
import type { UwsContext, UwsResponse } from './uws-types.ts';
import { writeBlock } from './write-block.ts';

const endBody = (io: UwsIo): void => io.bodyEnded();
const writeLate = (io: UwsIo, chunk: Uint8Array): boolean => io.write(chunk, true);
const cutLate = (io: UwsIo): void => io.cut();

/**
 * One request's side of the addon, and the only place that calls its response object: after `closed` not
 * one call reaches it, because a call on a finished response throws or ends the process.
 */
export class UwsIo implements Source, Downstream, Corked {
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
  #timer: Timer | null = null;

  constructor(res: UwsResponse, context: UwsContext) {
    this.#res = res;
    this.#context = context;
  }

  get length(): number {
    return this.x.bodyLength;
  }

  /** The body follows: its silence is bounded from now on. */
  expectBody(): void {
    this.#ended = false;
    this.#timer = new Timer(this);
    this.#reading = new Reading(this.#res);
    this.#armBody();
    rearm(this.#res);
  }

  /** A piece from the addon; its memory is taken away when this returns. */
  data(piece: ArrayBuffer, last: boolean): void {
    const { x } = this;
    x.bytesIn += piece.byteLength;
    if (this.#discarding || this.closed) return;
    if (x.bytesIn > x.route.bodyBytes) return bodyFault(x, fault('body_too_large'));
    if (last) {
      this.#ended = true;
      wheel.cancel(this.#timer!);
    } else if (!this.#reading!.paused) {
      this.#armBody();
      rearm(this.#res);
    }
    // The addon may have misread the end of a chunked body; it is passed on once the segment that it came
    // in is read, because the addon closes the connection when what follows there is no request.
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
    else if (!this.#sink.onBody(chunk, last) && !this.#ended) this.#pause();
  }

  pipe(to: BodySink): void {
    this.#sink = to;
    if (this.#queue !== null) this.resume();
  }

  resume(): void {
    if (this.#sink === null || this.#discarding) return;
    if (this.#queue !== null && !this.#queue.drain(this.#sink)) return;
    if (!this.#reading!.paused || this.closed) return;
    this.#armBody();
    this.#reading!.resume();
  }

  discard(): void {
    this.#discarding = true;
    this.#queue?.clear();
    if (this.#timer !== null) wheel.cancel(this.#timer);
  }

  /** The client fell silent in the middle of its body. */
  onTimer(): void {
    bodyFault(this.x, fault('body_timeout'));
  }

  #keep(chunk: Uint8Array, last: boolean): void {
    this.#queue ??= new BodyQueue();
    if (!this.#queue.push(chunk, last))
      return bodyFault(this.x, fault('overload', 'too much request data is waiting'));
    if (!this.#ended && !this.#reading!.paused) this.#pause();
  }

  #pause(): void {
    wheel.cancel(this.#timer!);
    this.#reading!.pause();
  }

  #armBody(): void {
    const { bodyTimeout } = this.x.runtime.config.limits;
    if (bodyTimeout > 0 && !this.#ended) wheel.arm(this.#timer!, bodyTimeout, performance.now());
  }

  start(head: ReplyHead): void {
    this.#head = head;
  }

  write(chunk: Uint8Array, last: boolean): boolean {
    if (this.closed) {
      if (last) finish(this.x);
      return true;
    }
    if (this.#head !== null && roomBeside(this.#head.block()) < 0) return refuseHead(this.x);
    if (this.length < 0 && last && this.#head !== null && !this.#late) return this.#writeLate(chunk);
    this.#reading?.writing();
    const flowing = this.#inPieces(chunk, last)
      ? this.#writePieces(chunk, last)
      : corked(this.#res, this, chunk, last);
    if (!this.closed) this.#reading?.written(flowing);
    return flowing;
  }

  /** While the addon reads on in the segment, a request found there would undo the end of the connection. */
  #writeLate(chunk: Uint8Array): true {
    this.#head!.keep();
    setImmediate(writeLate, this, chunk.slice());
    return (this.#late = true);
  }

  /** Whether a piece is too long for one chunk; what has a length goes out by `tryEnd`, which may be of any size. */
  #inPieces(chunk: Uint8Array, last: boolean): boolean {
    if (chunk.length <= CORK_ROOM)
      return this.#head !== null && !last && this.#head.length < 0 && chunk.length > 0;
    return this.#head === null ? this.#total < 0 : !last && this.#head.length < 0;
  }

  #writePieces(chunk: Uint8Array, last: boolean): boolean {
    let flowing = true;
    // The head goes into the first cork.
    let end = Math.max(1, this.#head === null ? CORK_ROOM : roomBeside(this.#head.block()));
    for (let at = 0; at < chunk.length && !this.closed; at = end, end = at + CORK_ROOM)
      flowing = corked(this.#res, this, chunk.subarray(at, end), last && end >= chunk.length);
    return flowing;
  }

  cut(): void {
    if (this.closed) return;
    this.closed = true;
    this.#res.close();
  }

  /** The connection ended under the exchange. */
  aborted(): void {
    this.closed = true;
    if (this.begun) clientGone(this.x);
  }

  /** Runs corked. */
  send(chunk: Uint8Array, last: boolean): boolean {
    const head = this.#head;
    if (head !== null) {
      if (last || chunk.length > 0 || this.#bodiless(head.status)) return this.#sendHead(head, chunk, last);
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
    // 200 is what the addon writes by itself.
    if (status !== 200) res.writeStatus(statusLine(status));
    const block = head.block();
    writeBlock(res, block, this.#context.blockWrite);
    if (this.#bodiless(status)) return this.#endBodiless(status, length);
    this.x.bytesOut = chunk.length;
    const whole = last && chunk.length <= roomBeside(block);
    if (this.#ends() && !whole) res.writeHeader('connection', 'close');
    if (whole) return this.#end(chunk, false);
    // Without this handler the addon forgets a connection's own time-out after a stalled write.
    res.onWritable((offset) => this.#writable(offset));
    this.#total = last ? chunk.length : length;
    return this.#total >= 0 ? this.#sendSized(chunk) : res.write(chunk);
  }

  #bodiless(status: number): boolean {
    return this.x.method === 'HEAD' || status === 204 || status === 304;
  }

  #endBodiless(status: number, length: number): boolean {
    const res = this.#res;
    // Of all ends this one alone starts no timer for the idle connection.
    rearm(res);
    // A 204 has no length (RFC 9110 section 8.6).
    const sized = status !== 204 && length >= 0;
    if (!sized && this.#ends()) {
      // The addon takes an undefined length for a number: the head is ended by hand, and then the connection.
      res.writeHeader('connection', 'close\r\n');
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
    this.#complete();
    // After a streamed head the addon would write its `Connection: close` into the body.
    this.#res.end(chunk, !streamed && this.#ends());
    finish(this.x);
    return true;
  }

  #sendSized(chunk: Uint8Array): boolean {
    // An empty piece would count as the end.
    if (chunk.length === 0) return true;
    const res = this.#res;
    const before = res.getWriteOffset();
    const [ok, done] = res.tryEnd(chunk, this.#total);
    if (done) {
      this.#complete();
      finish(this.x);
      return true;
    }
    if (ok) return true;
    this.#tailAt = res.getWriteOffset();
    this.#tail = chunk.slice(this.#tailAt - before);
    return false;
  }

  #writable(offset: number): boolean {
    if (this.closed) return true;
    if (this.#tail !== null) {
      const [ok, done] = this.#res.tryEnd(this.#tail.subarray(offset - this.#tailAt), this.#total);
      if (done) {
        this.#complete();
        finish(this.x);
        return true;
      }
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

  /** The last call on the response is about to be made, or was. A paused connection must not stay so. */
  #complete(): void {
    this.#reading?.resume();
    this.closed = true;
  }

  /** The addon may misread where a chunked body ends: what follows must not count as a request. */
  #ends(): boolean {
    return this.length < 0 || this.#context.draining || this.x.closing || this.x.poisoned;
  }
}
