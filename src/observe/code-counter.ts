import { KNOWN_METHODS } from '../lib/methods.ts';
import type { Family } from './families.ts';
import type { Counter, Meter } from './metrics.ts';

const FIRST_STATUS = 100;
const STATUSES = 500;
/** Label of what a peer could otherwise invent: unknown methods, statuses outside 100 to 599. */
const OTHER = 'OTHER';

const METHODS = [...KNOWN_METHODS, OTHER];
const OTHER_METHOD = METHODS.length - 1;
const indexOfMethod = new Map(METHODS.map((method, index) => [method, index]));

/**
 * Counters by method and status of one route, found by two array look-ups. A counter is bound when its
 * pair is seen for the first time, so that a route costs only what it uses.
 */
export class CodeCounter {
  readonly #meter: Meter;
  readonly #family: Family;
  readonly #route: string;
  readonly #rows: (Counter | null)[][] = METHODS.map(() => []);

  /** @param family With the labels route, method, code. */
  constructor(meter: Meter, family: Family, route: string) {
    this.#meter = meter;
    this.#family = family;
    this.#route = route;
  }

  inc(method: string, status: number): void {
    const row = indexOfMethod.get(method) ?? OTHER_METHOD;
    const column =
      status >= FIRST_STATUS && status < FIRST_STATUS + STATUSES ? status - FIRST_STATUS : STATUSES;
    (this.#rows[row]![column] ?? this.#bind(row, column)).inc();
  }

  #bind(row: number, column: number): Counter {
    const counters = this.#rows[row]!;
    if (counters.length === 0) this.#rows[row] = new Array<Counter | null>(STATUSES + 1).fill(null);
    const code = column === STATUSES ? OTHER : String(column + FIRST_STATUS);
    const bound = this.#meter.counter(this.#family, this.#route, METHODS[row]!, code);
    this.#rows[row]![column] = bound;
    return bound;
  }
}
