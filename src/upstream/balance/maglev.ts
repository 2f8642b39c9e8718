import type { Exchange } from '../../contracts/exchange.ts';
import type { Target } from '../../contracts/transport.ts';
import type { Balancer, Member } from './balancer.ts';
import { hash32, type KeyOf } from './hash.ts';

/** Places of the table: prime, so that every stride visits all of them, and below 2^16. */
const PLACES = 65_521;

/**
 * Maglev hashing (Eisenbud et al., NSDI 2016): a table in which members take turns at their own favourite places, as
 * often as their weight says. The same key finds the same member on every node, and when members come or go nearly
 * only the keys move that have to.
 */
export class Maglev implements Balancer {
  readonly #members: readonly Member[];
  readonly #keyOf: KeyOf;
  /** Index of the member at each place; made when it is first needed. */
  #table: Uint16Array | null = null;

  constructor(members: readonly Member[], keyOf: KeyOf) {
    // The order of the configuration must not matter.
    this.#members = [...members].sort((a, b) => (a.key < b.key ? -1 : 1));
    this.#keyOf = keyOf;
  }

  pick(x: Exchange, tried: readonly Target[] | null): Target | null {
    const members = this.#members;
    if (members.length <= 1) return members[0] ?? null;
    const table = (this.#table ??= fill(members));
    const place = hash32(this.#keyOf(x)) % PLACES;
    const first = members[table[place]!]!;
    if (tried === null || !tried.includes(first)) return first;
    // The next places belong to random others: the key's second choice is as steady as its first.
    for (let step = 1; step < PLACES; step++) {
      const next = members[table[(place + step) % PLACES]!]!;
      if (!tried.includes(next)) return next;
    }
    return first;
  }
}

function fill(members: readonly Member[]): Uint16Array {
  const count = members.length;
  const heaviest = Math.max(...members.map(({ weight }) => weight));
  const table = new Uint16Array(PLACES).fill(0xffff);
  const at = members.map(({ key }) => hash32(key) % PLACES);
  const stride = members.map(({ key }) => (hash32(key, 0x9747b28c) % (PLACES - 1)) + 1);
  const due = new Float64Array(count);
  for (let filled = 0; filled < PLACES;) {
    for (let i = 0; i < count && filled < PLACES; i++) {
      due[i]! += members[i]!.weight / heaviest;
      if (due[i]! < 1) continue;
      due[i]! -= 1;
      let place = at[i]!;
      while (table[place] !== 0xffff) place = (place + stride[i]!) % PLACES;
      table[place] = i;
      at[i] = place;
      filled++;
    }
  }
  return table;
}
