import { Registry, type Metric } from 'prom-client';
import type { SeriesDelta } from '../contracts/messages.ts';
import { FAMILIES, type Family } from './families.ts';
import { cellsOf } from './metrics.ts';

/** Bound on what a worker gone mad could make the primary remember. */
const MAX_SERIES = 200_000;
const MAX_LABEL = 256;
/** Stands for the primary where a worker's number is expected; workers count from 0 or 1. */
const PRIMARY = -1;

interface Series {
  readonly labels: Readonly<Record<string, string>>;
  /** Counter or histogram: the sums over all workers that ever lived. */
  readonly total: Float64Array;
  /** Gauge: the present value of each living worker. */
  readonly byWorker: Map<number, number>;
}

interface Sample {
  readonly metricName: string;
  readonly labels: Readonly<Record<string, string | number>>;
  readonly sharedLabels?: Readonly<Record<string, string>>;
  readonly value: number;
}

/**
 * The metrics of all workers added up. Counters and histograms only ever grow: what a dead worker had
 * reported stays. Gauges are summed over the living, or are the highest of them; those with a `worker` label have one series each.
 */
export class Merged {
  readonly #registry = new Registry();
  readonly #families = new Map<string, MergedFamily>();
  #series = 0;

  constructor(families: readonly Family[] = Object.values(FAMILIES)) {
    for (const family of families) {
      const merged = new MergedFamily(family);
      this.#families.set(family.name, merged);
      // prom-client renders whatever has a name and answers get(); its own classes cannot add whole buckets.
      this.#registry.registerMetric(merged as unknown as Metric);
    }
  }

  /**
   * Adds what one worker pushed. Entries that do not fit their family are skipped.
   * @returns how many were skipped.
   */
  apply(worker: number, deltas: readonly SeriesDelta[]): number {
    if (!Array.isArray(deltas)) return 1;
    let skipped = 0;
    for (const delta of deltas as readonly unknown[]) if (!this.#applyOne(worker, delta)) skipped++;
    return skipped;
  }

  /** Forgets the gauges of a worker that died or was replaced. */
  gone(worker: number): void {
    for (const family of this.#families.values()) this.#series -= family.forget(worker);
  }

  /** Sets a gauge of the primary itself. */
  set(family: Family, value: number, ...labels: readonly string[]): void {
    this.#own(family, labels, value);
  }

  /** Forgets what the primary itself has set of a gauge. */
  clear({ name }: Family): void {
    this.#series -= this.#families.get(name)?.forget(PRIMARY) ?? 0;
  }

  /** Adds to a counter of the primary itself. */
  add(family: Family, amount: number, ...labels: readonly string[]): void {
    this.#own(family, labels, amount);
  }

  /** The series of a gauge with their values now. */
  present(family: Family): readonly { labels: Readonly<Record<string, string | number>>; value: number }[] {
    return this.#families.get(family.name)?.get().values ?? [];
  }

  /** Everything in the Prometheus text format 0.0.4. */
  text(): Promise<string> {
    return this.#registry.metrics();
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  #own(family: Family, labels: readonly string[], value: number): void {
    if (!this.#applyOne(PRIMARY, [family.name, labels, [value]]))
      throw new Error(`${family.name} does not take ${JSON.stringify(labels)} = ${value}`);
  }

  #applyOne(worker: number, delta: unknown): boolean {
    if (!Array.isArray(delta)) return false;
    const [name, labels, values] = delta as unknown[];
    const family = this.#families.get(name as string);
    if (family === undefined || !family.fits(labels, values)) return false;
    const before = family.size;
    if (this.#series >= MAX_SERIES && !family.has(labels as string[])) return false;
    family.apply(worker, labels as string[], values as number[]);
    this.#series += family.size - before;
    return true;
  }
}

/** One family in the shape that prom-client's registry renders. */
class MergedFamily {
  readonly name: string;
  readonly help: string;
  readonly type: Family['kind'];
  readonly #family: Family;
  readonly #cells: number;
  readonly #series = new Map<string, Series>();

  constructor(family: Family) {
    this.name = family.name;
    this.help = family.help;
    this.type = family.kind;
    this.#family = family;
    this.#cells = cellsOf(family);
  }

  get size(): number {
    return this.#series.size;
  }

  has(labels: readonly string[]): boolean {
    return this.#series.has(labels.join('\0'));
  }

  fits(labels: unknown, values: unknown): boolean {
    return (
      Array.isArray(labels) &&
      labels.length === this.#family.labels.length &&
      labels.every((label) => typeof label === 'string' && label.length <= MAX_LABEL) &&
      Array.isArray(values) &&
      values.length === this.#cells &&
      values.every((value) => Number.isFinite(value) && (this.type === 'gauge' || value >= 0))
    );
  }

  apply(worker: number, labels: readonly string[], values: readonly number[]): void {
    const series = this.#find(labels);
    if (this.type === 'gauge') series.byWorker.set(worker, values[0]!);
    else for (let i = 0; i < values.length; i++) series.total[i]! += values[i]!;
  }

  /** @returns how many series ended with the worker. */
  forget(worker: number): number {
    if (this.type !== 'gauge') return 0;
    const before = this.#series.size;
    for (const [key, { byWorker }] of this.#series) {
      byWorker.delete(worker);
      if (byWorker.size === 0) this.#series.delete(key);
    }
    return before - this.#series.size;
  }

  get(): { name: string; help: string; type: string; values: Sample[] } {
    const values = [...this.#series.values()].flatMap((series) => this.#samples(series));
    return { name: this.name, help: this.help, type: this.type, values };
  }

  #find(labels: readonly string[]): Series {
    const key = labels.join('\0');
    let series = this.#series.get(key);
    if (series === undefined) {
      const named = Object.fromEntries(this.#family.labels.map((label, i) => [label, labels[i]!]));
      series = { labels: named, total: new Float64Array(this.#cells), byWorker: new Map() };
      this.#series.set(key, series);
    }
    return series;
  }

  #samples({ labels, total, byWorker }: Series): Sample[] {
    const { name } = this;
    if (this.type === 'gauge') {
      const present = [...byWorker.values()];
      const highest = this.#family.merge === 'highest';
      const value = highest ? Math.max(...present) : present.reduce((sum, each) => sum + each, 0);
      return [{ metricName: name, labels, value }];
    }
    if (this.type === 'counter') return [{ metricName: name, labels, value: total[0]! }];
    const bounds = this.#family.buckets;
    let count = 0;
    const buckets = [...bounds, '+Inf'].map((le, i) => ({
      metricName: `${name}_bucket`,
      labels: { le },
      sharedLabels: labels,
      value: (count += total[i]!),
    }));
    return [
      ...buckets,
      { metricName: `${name}_sum`, labels: {}, sharedLabels: labels, value: total[bounds.length + 1]! },
      { metricName: `${name}_count`, labels: {}, sharedLabels: labels, value: count },
    ];
  }
}
