import type { PassiveHealth } from '../contracts/health.ts';

/** What an upstream allows. */
export interface EjectionRules extends Pick<PassiveHealth, 'eject' | 'maxEjected'> {
  /** Endpoints that it has. */
  readonly size: number;
}

/** An ejection is at most this many times as long as the first one. */
const LONGEST = 10;

interface Record {
  /** Ejections that are not forgiven yet: the length of the next one. */
  times: number;
  /** While it is out. */
  timer: NodeJS.Timeout | null;
  /** When it last came back, in milliseconds of `performance.now()`. */
  backAt: number;
}

/**
 * Takes endpoints out for a while that failed too many requests, for the whole node. Each further ejection is longer;
 * one is forgiven for every `eject` of time spent inside.
 */
export class Ejector {
  readonly #records = new Map<string, Record>();
  readonly #rulesOf: (upstream: string) => EjectionRules | null;
  readonly #changed: (id: string, ms: number | null) => void;

  /**
   * @param rulesOf Null = the upstream ejects nobody.
   * @param changed Milliseconds that the endpoint is out for; null = it is back.
   */
  constructor(
    rulesOf: (upstream: string) => EjectionRules | null,
    changed: (id: string, ms: number | null) => void,
  ) {
    this.#rulesOf = rulesOf;
    this.#changed = changed;
  }

  ejected(id: string): boolean {
    return (this.#records.get(id)?.timer ?? null) !== null;
  }

  /** A worker says that this endpoint failed too often. `id`: upstream id, a space, key of the endpoint. */
  suspect(id: string): void {
    const upstream = id.slice(0, id.indexOf(' '));
    const rules = this.#rulesOf(upstream);
    if (rules === null || this.ejected(id)) return;
    if (this.#out(upstream) + 1 > rules.maxEjected * rules.size) return;
    const record = this.#records.get(id) ?? { times: 0, timer: null, backAt: 0 };
    const forgiven = Math.floor((performance.now() - record.backAt) / rules.eject);
    record.times = Math.min(Math.max(0, record.times - forgiven) + 1, LONGEST);
    const ms = rules.eject * record.times;
    record.timer = setTimeout(() => this.#back(id, record), ms);
    this.#records.set(id, record);
    this.#changed(id, ms);
  }

  /** Forgets everybody but these; who is out and not among them is back. */
  retain(ids: ReadonlySet<string>): void {
    for (const [id, { timer }] of this.#records) {
      if (ids.has(id)) continue;
      this.#records.delete(id);
      if (timer === null) continue;
      clearTimeout(timer);
      this.#changed(id, null);
    }
  }

  close(): void {
    for (const { timer } of this.#records.values()) if (timer !== null) clearTimeout(timer);
    this.#records.clear();
  }

  #back(id: string, record: Record): void {
    record.timer = null;
    record.backAt = performance.now();
    this.#changed(id, null);
  }

  #out(upstream: string): number {
    let count = 0;
    for (const [id, { timer }] of this.#records) if (timer !== null && id.startsWith(`${upstream} `)) count++;
    return count;
  }
}
