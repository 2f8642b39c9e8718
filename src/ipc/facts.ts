import type { Fact, FactKind, Facts, FactValues } from '../contracts/facts.ts';

type Heard = (id: string, value: unknown) => void;

/** One process's end of the facts: what is known, who listens, and how to tell the other end. */
export class FactBoard implements Facts {
  readonly #send: (fact: Fact) => void;
  readonly #known = new Map<string, Fact>();
  readonly #listeners = new Map<FactKind, Set<Heard>>();

  /** @param send Carries a fact to the other end: from a worker to the primary, from the primary to all workers. */
  constructor(send: (fact: Fact) => void) {
    this.#send = send;
  }

  tell<K extends FactKind>(kind: K, id: string, value: FactValues[K] | null): void {
    this.#send({ kind, id, value });
  }

  get<K extends FactKind>(kind: K, id: string): FactValues[K] | undefined {
    return (this.#known.get(keyOf(kind, id))?.value ?? undefined) as FactValues[K] | undefined;
  }

  on<K extends FactKind>(kind: K, heard: (id: string, value: FactValues[K] | null) => void): () => void {
    let listeners = this.#listeners.get(kind);
    if (listeners === undefined) this.#listeners.set(kind, (listeners = new Set()));
    const set = listeners;
    set.add(heard as Heard);
    return () => void set.delete(heard as Heard);
  }

  /** Remembers a fact as what is known now. */
  keep(fact: Fact): void {
    const key = keyOf(fact.kind, fact.id);
    if (fact.value === null) this.#known.delete(key);
    else this.#known.set(key, fact);
  }

  /** Everything that is known, for one who was born late. */
  known(): Iterable<Fact> {
    return this.#known.values();
  }

  /** Passes a fact from the other end to those who listen. */
  hear({ kind, id, value }: Fact): void {
    for (const heard of this.#listeners.get(kind) ?? []) heard(id, value);
  }
}

const keyOf = (kind: string, id: string): string => `${kind} ${id}`;
