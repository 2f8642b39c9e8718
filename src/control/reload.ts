import { isDeepStrictEqual } from 'node:util';
import type { Logger } from 'pino';
import type { Loaded } from '../config/load.ts';
import { formatMistake } from '../config/mistakes.ts';
import type { Mistake } from '../config/mistakes.ts';
import type { GatewayConfig } from '../contracts/config.ts';
import type { Outcome } from './publish.ts';
import { restartOnlyChanges } from './restart-only.ts';
import type { WatchReason } from './watch.ts';

export type ReloadReason = WatchReason | 'signal';

export interface ReloaderOptions {
  /** Reads the file and everything it refers to. */
  readonly load: () => Loaded;
  readonly publish: (config: GatewayConfig) => Promise<Outcome>;
  /** The configuration that the node started with. */
  readonly running: GatewayConfig;
  /** Called when another configuration is served. */
  readonly applied: (loaded: Loaded & { ok: true }) => void;
  readonly log: Logger;
}

/** Takes the file from disk to the workers, or refuses it whole and lets the old configuration go on. */
export class Reloader {
  readonly #options: ReloaderOptions;
  #running: GatewayConfig;
  /** What was refused last: said once, not at every poll. */
  #refused: Loaded | null = null;
  #last: Promise<void> = Promise.resolve();

  constructor(options: ReloaderOptions) {
    this.#options = options;
    this.#running = options.running;
  }

  /** The configuration that is served. */
  get running(): GatewayConfig {
    return this.#running;
  }

  /** One reload at a time; each reads the file when its turn comes. Never rejects for a bad file. */
  reload(reason: ReloadReason): Promise<void> {
    this.#last = this.#last.then(() => this.#run(reason));
    return this.#last;
  }

  async #run(reason: ReloadReason): Promise<void> {
    const { load, log } = this.#options;
    const loaded = load();
    if (loaded.ok && isDeepStrictEqual(loaded.config, this.#running)) {
      this.#refused = null;
      if (reason === 'signal') log.info('configuration is unchanged');
      return;
    }
    if (reason !== 'signal' && isDeepStrictEqual(loaded, this.#refused)) return;

    const why = loaded.ok ? await this.#take(loaded) : listed(loaded.mistakes);
    this.#refused = why === null ? null : loaded;
    if (why !== null) log.error(why, 'configuration refused: the old one goes on');
  }

  /** Null when the configuration is served, else why not. */
  async #take(loaded: Loaded & { ok: true }): Promise<Record<string, unknown> | null> {
    const { config } = loaded;
    const keys = restartOnlyChanges(this.#running, config);
    if (keys.length > 0) return { reason: `a restart is needed to change ${keys.join(', ')}`, keys };
    const outcome = await this.#options.publish(config);
    if (!outcome.ok) return { reason: outcome.why };
    this.#running = config;
    this.#options.applied(loaded);
    this.#options.log.info({ generation: outcome.generation }, 'configuration applied');
    return null;
  }
}

/** Characters of one log event: a longer line would not reach a pipe whole. */
const ROOM = 3_000;

/** The mistakes as one event; what finds no room is counted. */
function listed(found: readonly Mistake[]): Record<string, unknown> {
  const mistakes: string[] = [];
  let room = ROOM;
  for (const mistake of found) {
    const line = formatMistake(mistake);
    room -= line.length + 3;
    if (room < 0) break;
    mistakes.push(line);
  }
  const omitted = found.length - mistakes.length;
  return omitted === 0 ? { mistakes } : { mistakes, omitted };
}
