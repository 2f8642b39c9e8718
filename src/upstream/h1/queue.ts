import { fault } from '../../contracts/fault.ts';
import type { Sink } from '../../contracts/transport.ts';
import { Timer, wheel } from '../../lib/wheel.ts';
import type { Call } from './call.ts';
import { sooner } from './waits.ts';

/** A request without a connection. */
export class Waiter {
  readonly call: Call;
  readonly #queue: WaitQueue;
  readonly #timer = new Timer(this);
  readonly #since = performance.now();

  constructor(queue: WaitQueue, call: Call) {
    this.#queue = queue;
    this.call = call;
    const ms = sooner(call.timeouts.connect, call.replyBy, this.#since);
    if (ms > 0) wheel.arm(this.#timer, ms, this.#since);
  }

  /** What waiting has left of `timeouts.connect`; 0 = there is no limit. */
  get connectMs(): number {
    const { connect } = this.call.timeouts;
    return connect > 0 ? Math.max(1, connect - (performance.now() - this.#since)) : 0;
  }

  /** It waits no more. */
  leave(): void {
    wheel.cancel(this.#timer);
  }

  onTimer(): void {
    const sink = this.call.sink!;
    this.#queue.remove(sink);
    sink.onFault(fault('connect_timeout', 'No connection to the upstream became free in time'), true);
  }
}

/** Requests in the order of their coming, each with a limit on its waiting. */
export class WaitQueue {
  readonly #waiters: Waiter[] = [];
  readonly #max: number;

  constructor(max: number) {
    this.#max = max;
  }

  get length(): number {
    return this.#waiters.length;
  }

  /** The one that has waited longest. */
  get first(): Call | undefined {
    return this.#waiters[0]?.call;
  }

  /** False = the queue is full. */
  add(call: Call): boolean {
    if (this.#waiters.length >= this.#max) return false;
    this.#waiters.push(new Waiter(this, call));
    return true;
  }

  /** Takes out the one that has waited longest. */
  take(): Waiter | undefined {
    const waiter = this.#waiters.shift();
    waiter?.leave();
    return waiter;
  }

  /** Takes out the one of that sink; false = it is not here. */
  remove(sink: Sink): boolean {
    const index = this.#waiters.findIndex((waiter) => waiter.call.sink === sink);
    if (index < 0) return false;
    this.#waiters.splice(index, 1)[0]!.leave();
    return true;
  }
}
