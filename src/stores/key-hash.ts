/** 64 bits, in two halves. */
export type Seed = readonly [number, number];

/**
 * HalfSipHash-1-3 with 64 bits of result (Aumasson and Bernstein), over the UTF-16 units of a text: a hash with a
 * secret seed, so that a client can neither make two keys share a bucket nor crowd one place of a table. Made of
 * additions and rotations of 32 bits: no BigInt, no memory.
 */
export class KeyHash {
  /** Upper and lower half (signed) of the last hash. */
  hi = 0;
  lo = 0;
  #seed: Seed;

  /** @param family Keys of different families have nothing to do with each other. */
  constructor(seed: Seed, family: string) {
    this.#seed = seed;
    this.of(family);
    this.#seed = [this.hi, this.lo];
  }

  /** Leaves the hash of `key` in `hi` and `lo`. */
  of(key: string): void {
    const [k0, k1] = this.#seed;
    let a = k0;
    let b = k1 ^ 0xee;
    let c = k0 ^ 0x6c796765;
    let d = k1 ^ 0x74656462;
    const units = key.length;
    // The last word holds the length, and the odd unit if there is one.
    const last = units >> 1;
    for (let i = 0; i <= last + 6; i++) {
      let word = 0;
      if (i < last) word = key.charCodeAt(2 * i) | (key.charCodeAt(2 * i + 1) << 16);
      else if (i === last) word = (units << 16) | (units & 1 ? key.charCodeAt(units - 1) : 0);
      else if (i === last + 1) c ^= 0xee;
      else if (i === last + 4) {
        this.hi = b ^ d;
        b ^= 0xdd;
      }
      d ^= word;
      a = (a + b) | 0;
      b = ((b << 5) | (b >>> 27)) ^ a;
      a = (a << 16) | (a >>> 16);
      c = (c + d) | 0;
      d = ((d << 8) | (d >>> 24)) ^ c;
      a = (a + d) | 0;
      d = ((d << 7) | (d >>> 25)) ^ a;
      c = (c + b) | 0;
      b = ((b << 13) | (b >>> 19)) ^ c;
      c = (c << 16) | (c >>> 16);
      a ^= word;
    }
    this.lo = b ^ d;
  }
}
