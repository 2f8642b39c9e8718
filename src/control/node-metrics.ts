import { readFileSync } from 'node:fs';
import { FAMILIES } from '../observe/families.ts';
import { Merged } from '../observe/merge.ts';
import type { Fleet } from './fleet.ts';
import type { Readiness } from './readiness.ts';
import type { TargetStanding } from './targets.ts';

/** The metrics of this node: what the workers pushed, and what only the primary knows. */
export class NodeMetrics {
  readonly #merged = new Merged();

  readonly #standings: () => readonly TargetStanding[];

  constructor(fleet: Fleet, edge: string, standings: () => readonly TargetStanding[]) {
    this.#standings = standings;
    this.#merged.set(FAMILIES.buildInfo, 1, versionOfSluice(), process.version, edge);
    this.#merged.add(FAMILIES.workerRestarts, 0);
    fleet.listen({
      born: (_, isHeir) => this.#merged.add(FAMILIES.workerRestarts, isHeir ? 1 : 0),
      message: ({ slot }, message) => {
        if (message.t === 'metrics') this.#merged.apply(slot, message.deltas);
      },
      died: ({ slot }) => this.#merged.gone(slot),
    });
  }

  get contentType(): string {
    return this.#merged.contentType;
  }

  /** States of breakers as the workers last told them; by upstream, or upstream, a space and target. */
  breakers(): ReadonlyMap<string, number> {
    const known = new Map<string, number>();
    for (const { labels, value } of this.#merged.present(FAMILIES.breakerState))
      known.set(`${labels.upstream} ${labels.target}`.trimEnd(), value);
    return known;
  }

  /** The Prometheus text, from memory: no worker is asked. */
  text({ generation, workers }: Readiness): Promise<string> {
    this.#merged.set(FAMILIES.configGeneration, generation);
    for (const [slot, applied] of workers.entries()) {
      this.#merged.set(FAMILIES.configApplied, applied ?? 0, String(slot));
    }
    this.#merged.clear(FAMILIES.targetHealth);
    for (const { upstream, id, healthy } of this.#standings())
      this.#merged.set(FAMILIES.targetHealth, healthy ? 1 : 0, upstream, id);
    return this.#merged.text();
  }
}

/** package.json lies two folders up, from src/control as from dist/control. */
function versionOfSluice(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  const { version } = manifest as { version: string };
  return version;
}
