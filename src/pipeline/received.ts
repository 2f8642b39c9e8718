import type { Headers } from '../contracts/http.ts';
import type { Exchange } from './exchange.ts';
import { type Field, fieldOf } from './field-kind.ts';

/** The fields of one request as an edge received them, for the one pass of the intake over them. */
export interface Received {
  /** How many there are. */
  readonly count: number;
  /** Whether all is known to be ASCII. */
  readonly ascii: boolean;
  field(index: number): Field;
  value(index: number): string;
  /** That field goes on to the upstream. Asked in order, once for each at most. */
  keep(index: number): void;
  /** Gives the exchange what was kept. */
  give(x: Exchange): void;
}

/** More places than any edge lets through. */
const PLACES = 256;

/** A list of names, in lower case, and values; what is kept is moved together in place. */
export class ReceivedList implements Received {
  readonly ascii = false;
  /** What the last request carried at each place: most carry what the one before carried. */
  readonly #recent: Field[] = [];
  #list: Headers = [];
  #kept = 0;

  /** Takes the list of the next request. */
  of(list: Headers): this {
    this.#list = list;
    this.#kept = 0;
    return this;
  }

  get count(): number {
    return this.#list.length >> 1;
  }

  field(index: number): Field {
    const name = this.#list[index << 1]!;
    const recent = this.#recent;
    const last = index < recent.length ? recent[index]! : undefined;
    if (last !== undefined && last.name === name) return last;
    const field = fieldOf(name);
    if (index <= recent.length && index < PLACES) recent[index] = field;
    return field;
  }

  value(index: number): string {
    return this.#list[(index << 1) + 1]!;
  }

  keep(index: number): void {
    const list = this.#list;
    list[this.#kept] = this.#recent[index]?.name ?? list[index << 1]!;
    list[this.#kept + 1] = list[(index << 1) + 1]!;
    this.#kept += 2;
  }

  give(x: Exchange): void {
    const list = this.#list;
    // Setting `length` leaves compiled code; usually Host alone is to go.
    while (list.length > this.#kept) list.pop();
    x.headers = list;
  }
}
