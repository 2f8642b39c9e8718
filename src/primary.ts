import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Logger } from 'pino';
import { registerApi } from './admin/api.ts';
import type { Resource } from './admin/api.ts';
import { registerBreakers } from './admin/breakers.ts';
import { registerConsumerKeys } from './admin/consumer-keys.ts';
import { registerConsumers } from './admin/consumers.ts';
import { registerProbes } from './admin/probes.ts';
import { registerRevocations } from './admin/revocations.ts';
import { makeAdmin } from './admin/server.ts';
import type { AdminServer } from './admin/server.ts';
import { registerSessions } from './admin/sessions.ts';
import { registerTargets } from './admin/targets.ts';
import { loadFile } from './config/load.ts';
import type { Loaded } from './config/load.ts';
import { formatMistake } from './config/mistakes.ts';
import type { Flags } from './config/overrides.ts';
import type { GatewayConfig } from './contracts/config.ts';
import type { Facts } from './contracts/facts.ts';
import { spreadBans } from './control/bans.ts';
import { Breakers } from './control/breakers.ts';
import { primaryFacts } from './control/facts.ts';
import { Fleet } from './control/fleet.ts';
import { JwksFetcher } from './control/jwks.ts';
import type { JwksTimes } from './control/jwks.ts';
import { Kept } from './control/kept.ts';
import { logLimitStore } from './control/limit-store.ts';
import { NodeMetrics } from './control/node-metrics.ts';
import { Placement } from './control/placement.ts';
import { addressOf, cannotListen } from './control/ports.ts';
import { Publisher } from './control/publish.ts';
import { readiness } from './control/readiness.ts';
import type { Phase } from './control/readiness.ts';
import { openRecords } from './control/records.ts';
import { Reloader } from './control/reload.ts';
import type { ReloadReason } from './control/reload.ts';
import { makeSharedState, reclaimFor } from './control/shared-state.ts';
import { Shutdown } from './control/shutdown.ts';
import { TargetWatch } from './control/targets.ts';
import { ConfigWatch } from './control/watch.ts';
import { WatchedPublish } from './control/watched-publish.ts';
import { makeLogger } from './observe/logger.ts';
import { Output } from './observe/output.ts';
import { checksCredentials } from './runtime/authentication.ts';

export interface RunOptions {
  /** The configuration file. */
  readonly file: string;
  readonly flags: Flags;
  /** Program of the workers; default: `worker.js` beside this file. */
  readonly worker?: string;
  /** How often key sets are fetched, where that is not as usual: tests cannot wait for minutes. */
  readonly jwksTimes?: Partial<JwksTimes>;
}

type Good = Extract<Loaded, { ok: true }>;

/** ENTRY: the primary process. Resolves when the node serves; ends the process with code 1 when it cannot. */
export async function run({ file, flags, worker, jwksTimes }: RunOptions): Promise<void> {
  const load = () => loadFile(file, { env: process.env, flags });
  const loaded = load();
  if (!loaded.ok) return giveUp(...loaded.mistakes.map(formatMistake));
  try {
    const primary = new Primary(loaded, load, file, jwksTimes);
    await primary.start(worker ?? fileURLToPath(new URL('./worker.js', import.meta.url)));
  } catch (error) {
    giveUp(error instanceof Error ? error.message : String(error));
  }
}

/** For an operator at a terminal, not for the log: the node never came to life. */
function giveUp(...lines: string[]): never {
  process.stderr.write(`${lines.join('\n')}\n`);
  process.exit(1);
}

/** What the admin API works on. */
interface ApiParts {
  readonly reloader: Reloader;
  readonly kept: Kept;
  readonly targets: TargetWatch;
  readonly facts: Facts;
}

/** Every part of the admin API, wired to what it works on. */
const resourcesOf = ({ kept, facts, reloader, targets }: ApiParts, metrics: NodeMetrics): Resource[] => {
  const { overlay, sessions, revocations } = kept;
  const breakers = new Breakers(
    facts,
    () => reloader.running,
    () => metrics.breakers(),
  );
  return [
    (api) => registerConsumers(api, overlay),
    (api) => registerConsumerKeys(api, overlay),
    (api) => registerSessions(api, sessions),
    (api) => registerRevocations(api, revocations),
    (api) => registerTargets(api, targets),
    (api) => registerBreakers(api, breakers),
  ];
};

/** Wires the parts of the control plane together; the parts know nothing of each other. */
class Primary {
  readonly #file: string;
  readonly #load: () => Loaded;
  readonly #first: Good;
  readonly #output = new Output(1);
  readonly #log: Logger;
  readonly #jwksTimes: Partial<JwksTimes> | undefined;
  #phase: Phase = 'starting';
  #watcher: ConfigWatch | null = null;

  constructor(first: Good, load: () => Loaded, file: string, jwksTimes?: Partial<JwksTimes>) {
    this.#jwksTimes = jwksTimes;
    this.#first = first;
    this.#load = load;
    this.#file = resolve(file);
    this.#log = makeLogger({
      level: first.config.log.level,
      name: 'primary',
      destination: this.#output,
    });
    process.on('exit', () => this.#output.end());
  }

  async start(exec: string): Promise<void> {
    const { config } = this.#first;
    const placement = await Placement.choose(config);
    if (placement.why !== null) {
      this.#log.warn(
        { reason: placement.why },
        'uWebSockets.js cannot be used here: node:http serves instead',
      );
    }

    const size = config.workers === 'auto' ? availableParallelism() : config.workers;
    const memory = makeSharedState(config, size, this.#log);
    const fleet = new Fleet({ size, exec, blockWrite: placement.blockWrite, memory, log: this.#log });
    if (memory !== null) reclaimFor(fleet, memory.memory);
    // Before the publisher, so that a worker knows the facts before its first configuration.
    const facts = primaryFacts(fleet);
    const jwks = new JwksFetcher(facts, this.#log, this.#jwksTimes);
    const targets = new TargetWatch({ facts, log: this.#log });
    spreadBans(facts);
    logLimitStore(facts, fleet, this.#log);
    const publisher = new Publisher({ fleet, log: this.#log });
    const watched = new WatchedPublish(targets, (next) => publisher.publish(placement.apply(next)));
    const kept = new Kept({
      config,
      records: openRecords(config, this.#log),
      facts,
      publish: jwks.around(config, (next) => watched.publish(next)),
      log: this.#log,
    });
    const publish = (next: GatewayConfig) => kept.overlay.publishFile(next);
    const reloader = this.#makeReloader(publish);
    const admin = this.#makeAdmin(fleet, publisher, placement.edge, { reloader, kept, targets, facts });
    this.#makeShutdown(fleet, admin, reloader).install();
    process.on('SIGHUP', () => this.#reload(reloader, 'signal'));

    const adminPort = await this.#openAdmin(admin);
    await placement.takePorts();
    await kept.load();
    this.#listenTo(fleet);
    fleet.start();
    const outcome = await publish(config);
    if (this.#phase !== 'starting') return;
    if (!outcome.ok) throw new Error(`the configuration cannot be served: ${outcome.why}`);

    this.#phase = 'started';
    this.#log.info(
      {
        ...placement.addresses,
        admin: `http://${addressOf(config.admin.host, adminPort)}`,
        workers: size,
        edge: placement.edge,
        pid: process.pid,
      },
      'listening',
    );
    this.#warn(this.#first);
    const files = [this.#file, ...this.#first.files];
    this.#watcher = new ConfigWatch(files, (reason) => this.#reload(reloader, reason));
  }

  #makeAdmin(fleet: Fleet, publisher: Publisher, edge: string, api: ApiParts): AdminServer {
    const unknown = () => {
      if (!api.targets.surveyed) return 'probing';
      return api.kept.known || !checksCredentials(api.reloader.running) ? null : 'unread';
    };
    const state = () => readiness(this.#phase, publisher.settled, fleet.size, publisher.applied(), unknown());
    const metrics = new NodeMetrics(fleet, edge, () => api.targets.standings());
    return makeAdmin(
      (app) => {
        registerProbes(app, {
          readiness: state,
          metrics: () => metrics.text(state()),
          metricsType: metrics.contentType,
        });
        registerApi(app, {
          grants: () => api.reloader.running.admin.grants,
          resources: resourcesOf(api, metrics),
        });
      },
      (error) => this.#log.error({ err: error }, 'internal error in the admin API'),
    );
  }

  async #openAdmin(admin: AdminServer): Promise<number> {
    const { host, port } = this.#first.config.admin;
    try {
      return await admin.listen(host, port);
    } catch (error) {
      throw new Error(cannotListen(host, port, error), { cause: error });
    }
  }

  #listenTo(fleet: Fleet): void {
    fleet.listen({
      message: ({ slot }, message) => {
        if (message.t !== 'unable') return;
        if (this.#phase === 'starting') giveUp(message.why);
        this.#log.error({ worker: slot, reason: message.why }, 'worker cannot listen');
      },
    });
  }

  #makeReloader(publish: (config: GatewayConfig) => ReturnType<Publisher['publish']>): Reloader {
    return new Reloader({
      load: this.#load,
      publish,
      running: this.#first.config,
      applied: (loaded) => {
        const { config, files } = loaded;
        this.#log.level = config.log.level;
        this.#warn(loaded);
        this.#watcher?.follow([this.#file, ...files]);
      },
      log: this.#log,
    });
  }

  /** What is served all the same, but hardly meant so. */
  #warn({ warnings }: Good): void {
    for (const each of warnings) this.#log.warn({ at: formatMistake(each) }, 'configuration warning');
  }

  #makeShutdown(fleet: Fleet, admin: AdminServer, reloader: Reloader): Shutdown {
    return new Shutdown({
      fleet,
      log: this.#log,
      times: () => ({ delayMs: reloader.running.drainDelay, graceMs: reloader.running.drain }),
      begin: () => {
        this.#phase = 'draining';
        this.#watcher?.close();
      },
      end: async () => {
        await admin.close();
        await this.#output.drained(1_000);
      },
    });
  }

  #reload(reloader: Reloader, reason: ReloadReason): void {
    if (this.#phase === 'started') void reloader.reload(reason);
  }
}
