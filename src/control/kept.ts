import type { Logger } from 'pino';
import type { GatewayConfig } from '../contracts/config.ts';
import type { Records } from '../contracts/records.ts';
import type { PrimaryFacts } from './facts.ts';
import { Overlay } from './overlay.ts';
import type { Outcome } from './publish.ts';
import { RevocationList } from './revocation-list.ts';
import { SessionKeeper } from './session-keeper.ts';

export interface KeptOptions {
  /** The configuration that the node starts with. */
  readonly config: GatewayConfig;
  readonly records: Records;
  readonly facts: PrimaryFacts;
  readonly publish: (config: GatewayConfig) => Promise<Outcome>;
  readonly log: Logger;
}

/** What the admin API changes and the store keeps, beside the configuration file. */
export class Kept {
  readonly overlay: Overlay;
  readonly sessions: SessionKeeper;
  readonly revocations: RevocationList;

  readonly #log: Logger;
  readonly #facts: PrimaryFacts;
  #known = false;

  constructor({ config, records, facts, publish, log }: KeptOptions) {
    this.#log = log;
    this.overlay = new Overlay(config, { publish, records, log });
    this.sessions = new SessionKeeper(records, facts, log);
    this.revocations = new RevocationList(records, facts, log);
    this.#facts = facts;
    // What came late may still be on its way to the workers as a configuration.
    void records.known.then(() => this.overlay.settled()).then(() => this.#learnt());
  }

  /** Whether it was read since the start: until then a revoked credential would be taken for a good one. */
  get known(): boolean {
    return this.#known;
  }

  /**
   * Reads what earlier runs and other nodes have left. A node starts without it when the store is away, and reads it
   * when the store is back.
   */
  async load(): Promise<void> {
    try {
      await Promise.all([this.overlay.load(), this.sessions.load(), this.revocations.load()]);
      this.#learnt();
    } catch {
      this.#log.error('the store is away: no credential is accepted until it has been read');
    }
  }

  /** Workers accept credentials from now on; what was told before this they know before it. */
  #learnt(): void {
    if (this.#known) return;
    this.#known = true;
    this.#facts.tell('records-known', '', true);
  }
}
