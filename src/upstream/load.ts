/** Milliseconds in which what was learnt of a target's latency loses two thirds of its say. */
const MEMORY_MS = 10_000;

/** What this process carries to one target, and what it has seen of it; lives on over reloads. */
export class Load {
  /** Attempts that run. */
  inFlight = 0;
  /** Whether it was fit when last looked at. */
  up = false;
  /** When it last became fit, in milliseconds of `performance.now()`. */
  since = 0;
  #latency = 0;
  #seenAt = 0;

  /**
   * A reply came after `ms`. Peak-sensitive: a slower one counts at once and whole, a faster one by and by, so that
   * a target that begins to stall is shunned before it is proven.
   */
  observe(ms: number, now: number): void {
    const known = this.latency(now);
    const fade = Math.exp(-Math.max(0, now - this.#seenAt) / MEMORY_MS);
    this.#latency = ms >= known ? ms : this.#latency * fade + ms * (1 - fade);
    this.#seenAt = now;
  }

  /** Milliseconds that a reply is thought to take; forgotten by and by, so that a shunned target gets another try. */
  latency(now: number): number {
    return this.#latency * Math.exp(-Math.max(0, now - this.#seenAt) / MEMORY_MS);
  }

  /** Nothing to give back. */
  close(): void {}
}
