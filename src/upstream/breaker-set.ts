import type { Facts } from '../contracts/facts.ts';
import type { SharedWords } from '../contracts/stores.ts';
import type { Target } from '../contracts/transport.ts';
import { Breaker, type BreakerRules } from './breaker.ts';
import type { Breakers } from './guard.ts';

/** What the breakers of an upstream are wired to. */
export interface BreakerParts {
  readonly words: SharedWords;
  /** Where an operator's word comes from. */
  readonly facts: Pick<Facts, 'get' | 'on'>;
  /** Shows a state (0 closed, 1 half-open, 2 open) in the metrics; the target is empty for the upstream's own. */
  readonly show: (target: string, state: () => number) => void;
}

/** The breakers of one upstream: its own, and one for each target from its first attempt on. */
export class BreakerSet implements Breakers {
  readonly whole: Breaker;
  readonly #id: string;
  readonly #rules: BreakerRules;
  readonly #parts: BreakerParts;
  /** By id of the target: a target that comes back finds its own. Empty = the upstream. */
  readonly #all = new Map<string, Breaker>();
  readonly #deafen: () => void;

  constructor(id: string, rules: BreakerRules, parts: BreakerParts) {
    this.#id = id;
    this.#rules = rules;
    this.#parts = parts;
    this.whole = this.#make('');
    this.#deafen = parts.facts.on('breaker', (which, value) => {
      const [upstream, target = ''] = which.split(' ');
      const breaker = upstream === id ? this.#all.get(target) : undefined;
      if (breaker !== undefined) breaker.force = value?.force ?? null;
    });
  }

  of(target: Target): Breaker {
    return this.#all.get(target.id) ?? this.#make(target.id);
  }

  close(): void {
    this.#deafen();
    for (const target of this.#all.keys()) this.#parts.show(target, () => 0);
  }

  #make(target: string): Breaker {
    const { words, facts, show } = this.#parts;
    const breaker = new Breaker(words.words(`breaker ${this.#id} ${target}`), this.#rules);
    breaker.force = facts.get('breaker', breakerId(this.#id, target))?.force ?? null;
    show(target, () => breaker.state);
    this.#all.set(target, breaker);
    return breaker;
  }
}

/** Id of the fact about a breaker. @param target Empty for the upstream's own. */
export const breakerId = (upstream: string, target: string): string =>
  target === '' ? upstream : `${upstream} ${target}`;
