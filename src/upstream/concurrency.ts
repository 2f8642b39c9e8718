/** Bounds of a limit; both whole, at least 1. */
export interface ConcurrencyBounds {
  readonly min: number;
  readonly max: number;
}

/** How much of the limit each rank may fill: what is left above belongs to those that go first. */
const SHARES = [1, 0.9, 0.7] as const;

/** Milliseconds of one window, at least; a slow upstream needs longer ones. */
const WINDOW_MS = 100;
/** Replies without which a window says nothing. */
const WINDOW_REPLIES = 10;
/** Time between two looks at how fast the upstream is when it is not crowded. */
const LOOK_MS = 5_000;
/** Share of the limit that is left while looking. */
const LOOK_SHARE = 0.5;
/** How much slower than alone still counts as not crowded: times vary. */
const TOLERANCE = 1.2;
/** What a time-out leaves of the limit. */
const TIMEOUT_SHARE = 0.9;
const START = 20;

/**
 * A limit on attempts that wait for a reply head, which finds its height by itself: a gradient between the time of a
 * reply when the upstream is not crowded and the time now. Replies slow down: requests queue there, the limit falls. They
 * do not: it grows by its root. Every few seconds the limit is halved for a moment, to see how fast the upstream is
 * alone; so a limit never mistakes its own queue for the upstream's pace, nor a slower upstream for a queue. All who share
 * the upstream look at once, at whole multiples of the time of day: one that looked while the others crowd the upstream
 * would take their queue for its pace, and each would let the others grow.
 */
export class AdaptiveLimit {
  /** Attempts that wait. */
  inFlight = 0;
  #limit: number;
  readonly #bounds: ConcurrencyBounds;
  /** Mean time of a reply when the upstream is not crowded; Infinity = not known. */
  #alone = Infinity;
  #windowEnds = 0;
  #sum = 0;
  #count = 0;
  /** The most that waited at once in this window. */
  #most = 0;
  #timedOut = false;
  #nextLook = 0;
  /** When the look began that is going on; 0 = none is. */
  #lookSince = 0;
  readonly #timeOfDay: () => number;

  /** @param timeOfDay Milliseconds of a clock that all have who share the upstream; it may jump. */
  constructor(bounds: ConcurrencyBounds, timeOfDay: () => number = Date.now) {
    this.#bounds = bounds;
    this.#timeOfDay = timeOfDay;
    this.#limit = Math.min(Math.max(START, bounds.min), bounds.max);
  }

  /** How many may wait now. */
  get limit(): number {
    return this.#lookSince > 0 ? Math.max(this.#bounds.min, this.#limit * LOOK_SHARE) : this.#limit;
  }

  /** Takes a place. @param rank 0 to 2, the lower the longer it is let in. */
  enter(rank: number): boolean {
    // At least one place for everybody while nobody is there.
    if (this.inFlight >= Math.max(1, Math.floor(this.limit * SHARES[rank]!))) return false;
    this.inFlight++;
    if (this.inFlight > this.#most) this.#most = this.inFlight;
    return true;
  }

  /** Gives a place back without learning from it. */
  leave(): void {
    this.inFlight--;
  }

  /** Gives a place back. @param ms The time of the reply. @param now The same clock each time, in milliseconds. */
  answered(ms: number, now: number): void {
    this.inFlight--;
    // What was let in before the look still waits behind the crowd.
    if (now - ms >= this.#lookSince) {
      this.#sum += ms;
      this.#count++;
    }
    if (now >= this.#windowEnds || now >= this.#nextLook) this.#turn(now);
  }

  /** Gives a place back: no reply came in time. */
  timedOut(now: number): void {
    this.inFlight--;
    this.#timedOut = true;
    if (now >= this.#windowEnds) this.#turn(now);
  }

  #turn(now: number): void {
    if (this.#windowEnds === 0) this.#plan(now);
    else if (now >= this.#nextLook) {
      this.#lookSince = now;
      this.#nextLook = Infinity;
    } else {
      if (this.#count < WINDOW_REPLIES && !this.#timedOut) return;
      const mean = this.#count === 0 ? 0 : this.#sum / this.#count;
      if (this.#lookSince > 0) this.#seen(mean, now);
      else this.#learn(mean);
    }
    const pace = this.#alone < Infinity && this.#lookSince === 0 ? 2 * this.#alone : 0;
    this.#windowEnds = now + Math.max(WINDOW_MS, pace);
    this.#sum = this.#count = 0;
    this.#most = this.inFlight;
    this.#timedOut = false;
  }

  #plan(now: number): void {
    this.#nextLook = now + LOOK_MS - (this.#timeOfDay() % LOOK_MS);
  }

  /** @param mean Of the window that ends; 0 = no reply came. */
  #learn(mean: number): void {
    const { min, max } = this.#bounds;
    if (this.#timedOut) this.#limit = Math.max(min, this.#limit * TIMEOUT_SHARE);
    if (mean === 0) return;
    this.#alone = Math.min(this.#alone, mean);
    const gradient = Math.min(1, Math.max(0.5, (TOLERANCE * this.#alone) / mean));
    const next = this.#limit * gradient + Math.sqrt(this.#limit);
    // A limit that nobody reaches says nothing about what the upstream can bear.
    if (next < this.#limit || this.#most * 2 >= this.#limit) this.#limit = Math.min(max, Math.max(min, next));
  }

  /** The end of a look. */
  #seen(mean: number, now: number): void {
    if (mean > 0) this.#alone = mean;
    this.#lookSince = 0;
    this.#plan(now);
  }
}
