import type { SeriesDelta } from '../contracts/messages.ts';
import type { Family } from './families.ts';

/** The numbers of every series of one meter; replaced by a longer array when it is full. */
interface Cells {
  values: Float64Array;
}

/** A counter bound to its labels. */
export class Counter {
  readonly #cells: Cells;
  readonly #at: number;

  constructor(cells: Cells, at: number) {
    this.#cells = cells;
    this.#at = at;
  }

  inc(): void {
    this.#cells.values[this.#at]! += 1;
  }

  /** @param amount Not negative: counters never fall. */
  add(amount: number): void {
    this.#cells.values[this.#at]! += amount;
  }
}

/** A gauge bound to its labels. */
export class Gauge {
  readonly #cells: Cells;
  readonly #at: number;

  constructor(cells: Cells, at: number) {
    this.#cells = cells;
    this.#at = at;
  }

  set(value: number): void {
    this.#cells.values[this.#at] = value;
  }

  add(amount: number): void {
    this.#cells.values[this.#at]! += amount;
  }
}

/** A histogram bound to its labels: one cell per bucket (+Inf included), then the sum. */
export class Histogram {
  readonly #cells: Cells;
  readonly #at: number;
  readonly #bounds: readonly number[];

  constructor(cells: Cells, at: number, bounds: readonly number[]) {
    this.#cells = cells;
    this.#at = at;
    this.#bounds = bounds;
  }

  observe(value: number): void {
    const bounds = this.#bounds;
    let bucket = 0;
    while (bucket < bounds.length && value > bounds[bucket]!) bucket++;
    const values = this.#cells.values;
    values[this.#at + bucket]! += 1;
    values[this.#at + bounds.length + 1]! += value;
  }
}

interface Series {
  readonly family: Family;
  readonly labels: readonly string[];
  readonly at: number;
  readonly cells: number;
  /** Reads the present value when it is reported, instead of the cell. */
  read: (() => number) | null;
  /** What `read` gave when it was reported last. */
  reported: number;
}

const isCell = (series: Series): boolean => series.family.kind !== 'gauge' && series.read === null;

/** How many numbers one series of a family has. */
export const cellsOf = (family: Family): number =>
  family.kind === 'histogram' ? family.buckets.length + 2 : 1;

/**
 * The numbers of one process. Labels are bound when a configuration is loaded; counting is then one
 * addition in a typed array. The same name and labels give the same series, so a reload loses nothing.
 */
export class Meter {
  readonly #cells: Cells = { values: new Float64Array(256) };
  readonly #series = new Map<string, Series>();
  #used = 0;

  /** @param labels Values in the order of `family.labels`; never anything that a client can choose. */
  counter(family: Family, ...labels: readonly string[]): Counter {
    return new Counter(this.#cells, this.#bind(family, 'counter', labels).at);
  }

  gauge(family: Family, ...labels: readonly string[]): Gauge {
    return new Gauge(this.#cells, this.#bind(family, 'gauge', labels).at);
  }

  /** A gauge that is read when it is reported. Bound again, the new reader replaces the old one. */
  readGauge(family: Family, read: () => number, ...labels: readonly string[]): void {
    this.#bind(family, 'gauge', labels).read = read;
  }

  /** A counter that somebody else keeps; `read` never falls. */
  readCounter(family: Family, read: () => number, ...labels: readonly string[]): void {
    this.#bind(family, 'counter', labels).read = read;
  }

  histogram(family: Family, ...labels: readonly string[]): Histogram {
    return new Histogram(this.#cells, this.#bind(family, 'histogram', labels).at, family.buckets);
  }

  /**
   * What changed since the last call: counters and histograms as increments (per bucket, not cumulative,
   * then the sum), gauges as present values.
   */
  deltas(): SeriesDelta[] {
    const changed: SeriesDelta[] = [];
    for (const series of this.#series.values()) {
      const values = isCell(series) ? this.#takeCells(series) : this.#readValue(series);
      if (values !== null) changed.push([series.family.name, series.labels, values]);
    }
    return changed;
  }

  /** A gauge, or a counter that somebody else keeps. */
  #readValue(series: Series): number[] | null {
    const value = series.read === null ? this.#cells.values[series.at]! : series.read();
    if (value === series.reported || !Number.isFinite(value)) return null;
    const change = series.family.kind === 'gauge' ? value : value - (series.reported || 0);
    series.reported = value;
    return [change];
  }

  /** Cells hold increments only: what was reported starts again at zero. */
  #takeCells({ at, cells }: Series): number[] | null {
    const { values } = this.#cells;
    const end = at + cells;
    let first = at;
    while (first < end && values[first] === 0) first++;
    if (first === end) return null;
    const increments = Array.from(values.subarray(at, end));
    values.fill(0, at, end);
    return increments;
  }

  #bind(family: Family, kind: Family['kind'], labels: readonly string[]): Series {
    if (family.kind !== kind) throw new Error(`${family.name} is a ${family.kind}, not a ${kind}`);
    if (labels.length !== family.labels.length)
      throw new Error(`${family.name} takes the labels ${family.labels.join(', ') || '(none)'}`);
    const key = [family.name, ...labels].join('\0');
    const known = this.#series.get(key);
    if (known !== undefined) return known;
    const cells = cellsOf(family);
    const series = { family, labels, at: this.#reserve(cells), cells, read: null, reported: NaN };
    this.#series.set(key, series);
    return series;
  }

  #reserve(cells: number): number {
    const at = this.#used;
    this.#used += cells;
    if (this.#used > this.#cells.values.length) {
      const grown = new Float64Array(Math.max(this.#used, 2 * this.#cells.values.length));
      grown.set(this.#cells.values);
      this.#cells.values = grown;
    }
    return at;
  }
}
