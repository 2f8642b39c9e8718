import type { Facts } from '../contracts/facts.ts';
import { FactBoard } from '../ipc/facts.ts';
import type { Fleet } from './fleet.ts';

/** The primary's end of the facts. */
export interface PrimaryFacts extends Facts {
  /** Resolves when every worker knows what was told so far; not later than `PATIENCE`. Never rejects. */
  known(): Promise<void>;
}

/** Milliseconds after which a worker that does not answer is not waited for: it is stuck, and serves nobody. */
const PATIENCE = 500;

/** Remembers what the primary tells, and tells it to workers born later before anything else. */
export function primaryFacts(fleet: Fleet): PrimaryFacts {
  const board: FactBoard = new FactBoard((fact) => {
    board.keep(fact);
    fleet.broadcast({ t: 'fact', fact });
  });
  const rounds = new Rounds(board, () => fleet.members().map(({ slot }) => String(slot)));
  fleet.listen({
    born: (member) => {
      for (const fact of board.known()) member.send({ t: 'fact', fact });
    },
    message: (_, message) => {
      if (message.t === 'fact') board.hear(message.fact);
    },
    died: () => rounds.look(),
  });
  return {
    tell: (kind, id, value) => board.tell(kind, id, value),
    get: (kind, id) => board.get(kind, id),
    on: (kind, heard) => board.on(kind, heard),
    known: () => rounds.next(),
  };
}

interface Round {
  readonly number: number;
  readonly over: () => void;
}

/** Messages to a worker keep their order: when it answers a round, it knows what was told before it. */
class Rounds {
  readonly #facts: Facts;
  readonly #slots: () => string[];
  readonly #heard = new Map<string, number>();
  #open: Round[] = [];
  #last = 0;

  constructor(facts: Facts, slots: () => string[]) {
    this.#facts = facts;
    this.#slots = slots;
    facts.on('round-heard', (slot, number) => {
      this.#heard.set(slot, number ?? 0);
      this.look();
    });
  }

  next(): Promise<void> {
    const number = ++this.#last;
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#end(number), PATIENCE);
      const over = () => {
        clearTimeout(timer);
        resolve();
      };
      this.#open.push({ number, over });
      this.#facts.tell('round', '', number);
      this.look();
    });
  }

  /** Ends the rounds that every living worker has answered. */
  look(): void {
    const heard = this.#slots().map((slot) => this.#heard.get(slot) ?? 0);
    this.#end(Math.min(this.#last, ...heard));
  }

  #end(upTo: number): void {
    const over = this.#open.filter(({ number }) => number <= upTo);
    this.#open = this.#open.filter(({ number }) => number > upTo);
    for (const round of over) round.over();
  }
}
