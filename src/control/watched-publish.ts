import type { GatewayConfig } from '../contracts/config.ts';
import type { Outcome } from './publish.ts';
import type { TargetWatch } from './targets.ts';

/** Milliseconds that a publication waits for names and probes of new targets. */
const PATIENCE = 3_000;

/**
 * Publishes with the targets watched ahead: names are resolved and new targets probed before workers meet them, so
 * that a reload never serves an upstream of which nothing is known yet. The first configuration does not wait.
 */
export class WatchedPublish {
  readonly #targets: Pick<TargetWatch, 'follow'>;
  readonly #publish: (config: GatewayConfig) => Promise<Outcome>;
  #served: GatewayConfig | null = null;
  #last: Promise<unknown> = Promise.resolve();

  constructor(targets: Pick<TargetWatch, 'follow'>, publish: (config: GatewayConfig) => Promise<Outcome>) {
    this.#targets = targets;
    this.#publish = publish;
  }

  /** One publication at a time. Never rejects. */
  publish(config: GatewayConfig): Promise<Outcome> {
    const outcome = this.#last.then(() => this.#run(config));
    this.#last = outcome;
    return outcome;
  }

  async #run(config: GatewayConfig): Promise<Outcome> {
    const served = this.#served;
    const watched = this.#targets.follow(...(served === null ? [config] : [served, config]));
    if (served !== null) await atMost(PATIENCE, watched);
    const outcome = await this.#publish(config);
    if (outcome.ok) this.#served = config;
    if (this.#served !== null) void this.#targets.follow(this.#served);
    return outcome;
  }
}

function atMost(ms: number, work: Promise<void>): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    void work.finally(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}
