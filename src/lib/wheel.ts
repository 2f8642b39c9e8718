/** Something with a deadline on a wheel; at most one at a time. Made once per owner, armed many times. */
export class Timer {
  /** Milliseconds of `performance.now()`; the timer fires at the first tick after it. 0 = not armed. */
  deadline = 0;
  next: Timer | null = null;
  prev: Timer | null = null;
  slot = -1;
  /** The tick at which its slot is looked at next; never after the deadline's own. */
  due = 0;
  readonly owner: { onTimer(): void };

  constructor(owner: { onTimer(): void }) {
    this.owner = owner;
  }
}

const SLOTS = 512;

/**
 * Coarse timers: arming, re-arming and cancelling are a few assignments, so that every request can have
 * several. Fires up to one tick late and never early. A later deadline of an armed timer is only noted:
 * the timer stays in its slot and moves when the slot comes round.
 */
export class Wheel {
  readonly tick: number;
  #slots: (Timer | null)[] = new Array<Timer | null>(SLOTS).fill(null);
  #count = 0;
  #at: number;
  #interval: NodeJS.Timeout | null = null;

  /** @param tick Resolution in milliseconds. */
  constructor(tick = 50) {
    this.tick = tick;
    this.#at = Math.floor(performance.now() / tick);
  }

  /** Fires `timer.owner.onTimer()` in `ms` milliseconds; `now` is the present `performance.now()`. */
  arm(timer: Timer, ms: number, now: number): void {
    this.armAt(timer, now + ms);
  }

  /** As `arm`, for callers who need no precision and so no clock: up to one tick early, and more where the loop was blocked. */
  armAbout(timer: Timer, ms: number): void {
    if (this.#interval === null) this.#start(performance.now());
    this.armAt(timer, this.#at * this.tick + ms);
  }

  /** Fires `timer.owner.onTimer()` when `performance.now()` has reached `deadline`: a caller that knows it needs no clock. */
  armAt(timer: Timer, deadline: number): void {
    timer.deadline = deadline;
    if (timer.slot >= 0) {
      if (this.#tickOf(timer) >= timer.due) return;
      this.#unlink(timer);
    }
    if (this.#interval === null) this.#start(performance.now());
    this.#link(timer);
  }

  /** Forgets the timer; harmless when it is not armed. */
  cancel(timer: Timer): void {
    timer.deadline = 0;
    if (timer.slot >= 0) this.#unlink(timer);
  }

  /** How many timers are armed. */
  get size(): number {
    return this.#count;
  }

  #start(now: number): void {
    this.#at = Math.floor(now / this.tick);
    this.#interval = setInterval(() => this.advance(performance.now()), this.tick);
    this.#interval.unref();
  }

  /** Fires what is due. Runs by itself; tests may call it. */
  advance(now: number): void {
    const until = Math.floor(now / this.tick);
    // A loop blocked for longer than one round needs every slot once, not more.
    if (until - this.#at > SLOTS) this.#at = until - SLOTS;
    while (this.#at < until) this.#sweep(++this.#at % SLOTS, now);
    if (this.#count === 0 && this.#interval !== null) {
      clearInterval(this.#interval);
      this.#interval = null;
    }
  }

  #sweep(slot: number, now: number): void {
    // Detached first: a callback may arm or cancel any timer, this slot's included.
    let timer = this.#slots[slot]!;
    const due: Timer[] = [];
    while (timer !== null) {
      const next = timer.next!;
      if (timer.deadline <= now) {
        this.#unlink(timer);
        due.push(timer);
      } else {
        this.#unlink(timer);
        this.#link(timer);
      }
      timer = next;
    }
    for (const each of due) {
      if (each.slot >= 0 || each.deadline === 0) continue;
      each.deadline = 0;
      each.owner.onTimer();
    }
  }

  /** The first tick after the deadline. */
  #tickOf(timer: Timer): number {
    return Math.floor(timer.deadline / this.tick) + 1;
  }

  #link(timer: Timer): void {
    timer.due = this.#tickOf(timer);
    const slot = timer.due % SLOTS;
    const head = this.#slots[slot]!;
    timer.slot = slot;
    timer.prev = null;
    timer.next = head;
    if (head !== null) head.prev = timer;
    this.#slots[slot] = timer;
    this.#count++;
  }

  #unlink(timer: Timer): void {
    if (timer.prev !== null) timer.prev.next = timer.next;
    else this.#slots[timer.slot] = timer.next;
    if (timer.next !== null) timer.next.prev = timer.prev;
    timer.next = timer.prev = null;
    timer.slot = -1;
    this.#count--;
  }
}

/** The process's wheel: one clock for every time-out of the data path. */
export const wheel = new Wheel();
