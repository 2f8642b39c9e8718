const SAMPLES = 256;
const REFRESH = 64;

/** A running quantile over the last 256 times, refreshed every 64: what is usual now, not what ever was. */
export class Quantile {
  readonly #share: number;
  readonly #ring = new Float64Array(SAMPLES);
  #count = 0;
  #value = Infinity;

  /** @param share 0.95 for the time that 95 % stay below. */
  constructor(share: number) {
    this.#share = share;
  }

  /** Milliseconds; Infinity while too little is known. */
  get value(): number {
    return this.#value;
  }

  add(ms: number): void {
    this.#ring[this.#count++ % SAMPLES] = ms;
    if (this.#count % REFRESH !== 0) return;
    const known = this.#ring.slice(0, Math.min(this.#count, SAMPLES)).sort();
    this.#value = known[Math.floor(known.length * this.#share)]!;
  }
}
