import { fault } from '../../contracts/fault.ts';
import type { Sink } from '../../contracts/transport.ts';
import type { Call } from './call.ts';
import { earlier } from './waits.ts';

/**
 * The requests of one pipelined connection behind the one whose reply is awaited, in the order of their sending.
 * `unsent` is the text of those, the last ones, that have yet to be written.
 */
export class Line {
  unsent = '';
  #calls: Call[] = [];
  /** How many, from the first, have been written. */
  #sent = 0;
  /** The earliest moment at which one of them runs out of time; 0 = none does. It may be too early, never too late. */
  by = 0;

  get length(): number {
    return this.#calls.length;
  }

  add(call: Call): void {
    this.#calls.push(call);
    this.unsent += call.text;
    this.by = earlier(this.by, call.replyBy);
  }

  /** The text that is written now. */
  sending(): string {
    const text = this.unsent;
    this.unsent = '';
    this.#sent = this.#calls.length;
    return text;
  }

  /** Whether the next one has been written. */
  get nextIsSent(): boolean {
    return this.#sent > 0;
  }

  /** Takes out the next one. */
  take(): Call {
    if (this.#sent > 0) this.#sent--;
    const call = this.#calls.shift()!;
    if (this.#calls.length === 0) this.by = 0;
    return call;
  }

  /** Takes all out: their connection has ended. */
  leave(): readonly Call[] {
    const calls = this.#calls;
    this.#calls = [];
    this.unsent = '';
    this.#sent = this.by = 0;
    return calls;
  }

  /** Nobody waits for the reply of that one any more; false = it is not here. Its place in the order stays. */
  forget(sink: Sink): boolean {
    const call = this.#calls.find((each) => each.sink === sink);
    if (call === undefined) return false;
    call.sink = null;
    return true;
  }

  /** Fails those whose time is over. */
  expire(now: number): void {
    this.by = 0;
    for (const call of this.#calls) {
      const { sink, replyBy } = call;
      if (sink === null || replyBy === 0) continue;
      if (replyBy > now) this.by = earlier(this.by, replyBy);
      else {
        call.sink = null;
        sink.onFault(fault('reply_timeout'), false);
      }
    }
  }
}
