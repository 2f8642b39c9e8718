import type { ActiveHealth } from '../contracts/health.ts';
import { probe, type ProbePlan } from './probe.ts';

/** An endpoint to be probed. */
export interface Probed {
  /** Upstream id, a space, key of the endpoint. */
  readonly id: string;
  readonly rules: ActiveHealth;
  readonly plan: ProbePlan;
}

/** What probes have shown so far; `healthy` null = no good one yet. */
export interface Standing {
  readonly healthy: boolean | null;
  /** Probes in a row that speak against it. */
  readonly streak: number;
}

/** One more probe: the first good one is enough for a beginning, later changes take as many as the rules say. */
export function judge({ healthy, streak }: Standing, good: boolean, rules: ActiveHealth): Standing {
  if (healthy === null) return { healthy: good ? true : null, streak: 0 };
  if (good === healthy) return { healthy, streak: 0 };
  const needed = good ? rules.healthy : rules.unhealthy;
  return streak + 1 >= needed ? { healthy: good, streak: 0 } : { healthy, streak: streak + 1 };
}

/** Probes come this much earlier or later, so that many targets, and many nodes, are not asked at once. */
const JITTER = 0.1;

interface Watched {
  probed: Probed;
  standing: Standing;
  /** Waits for the next probe, or gives up the one that runs. */
  cancel: () => void;
  /** A probe has ended, whichever way. */
  seen: boolean;
}

/** Probes endpoints, in the primary only: one prober a node. Only changes are told. */
export class HealthMonitor {
  readonly #watched = new Map<string, Watched>();
  readonly #changed: (id: string, healthy: boolean | null, why: string | null) => void;
  #waiting: (() => void)[] = [];

  /** @param changed `healthy` null = it is not watched any more; `why` = what was wrong with the last probe. */
  constructor(changed: (id: string, healthy: boolean | null, why: string | null) => void) {
    this.#changed = changed;
  }

  /** From now on these are probed and no others; what is known of those that stay is kept. */
  follow(list: readonly Probed[]): void {
    const ids = new Set(list.map(({ id }) => id));
    for (const [id, watched] of this.#watched) {
      if (ids.has(id)) continue;
      watched.cancel();
      this.#watched.delete(id);
      this.#changed(id, null, null);
    }
    for (const probed of list) {
      const watched = this.#watched.get(probed.id);
      if (watched !== undefined) watched.probed = probed;
      else this.#begin(probed);
    }
    this.#tellWaiting();
  }

  /** Null = never well so far, or not probed. */
  healthy(id: string): boolean | null {
    return this.#watched.get(id)?.standing.healthy ?? null;
  }

  /** Whether every endpoint was probed at least once. */
  get settled(): boolean {
    return [...this.#watched.values()].every(({ seen }) => seen);
  }

  /** Resolves when every endpoint was probed at least once. */
  firstRound(): Promise<void> {
    return this.settled ? Promise.resolve() : new Promise((resolve) => this.#waiting.push(resolve));
  }

  close(): void {
    for (const { cancel } of this.#watched.values()) cancel();
    this.#watched.clear();
  }

  #begin(probed: Probed): void {
    const watched: Watched = {
      probed,
      standing: { healthy: null, streak: 0 },
      cancel: () => undefined,
      seen: false,
    };
    this.#watched.set(probed.id, watched);
    this.#probe(watched);
  }

  #probe(watched: Watched): void {
    watched.cancel = probe(watched.probed.plan, (why) => this.#hear(watched, why));
  }

  #hear(watched: Watched, why: string | null): void {
    const { id, rules } = watched.probed;
    const before = watched.standing.healthy;
    watched.standing = judge(watched.standing, why === null, rules);
    watched.seen = true;
    const timer = setTimeout(
      () => this.#probe(watched),
      rules.interval * (1 + JITTER * (2 * Math.random() - 1)),
    );
    watched.cancel = () => clearTimeout(timer);
    if (watched.standing.healthy !== before) this.#changed(id, watched.standing.healthy, why);
    this.#tellWaiting();
  }

  #tellWaiting(): void {
    if (this.#waiting.length === 0 || !this.settled) return;
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}
