import { fileURLToPath } from 'node:url';
import type { Logger } from 'pino';
import { RevocationTable } from './auth/revocation-table.ts';
import { SessionTable } from './auth/session-table.ts';
import { ThreadVerifier } from './auth/verifier.ts';
import type { Channel, ToPrimary, ToWorker } from './contracts/messages.ts';
import type { LimitStore } from './contracts/stores.ts';
import { Door } from './edge/door.ts';
import { Listeners } from './edge/listeners.ts';
import { openChannel } from './ipc/channel.ts';
import { FactBoard } from './ipc/facts.ts';
import { fromEnv, LOG_FD, MEMORY_FD } from './ipc/environment.ts';
import type { WorkerEnvironment } from './ipc/environment.ts';
import { WorkerRole } from './ipc/worker-role.ts';
import type { Work } from './ipc/worker-role.ts';
import { AccessLog } from './observe/access-log.ts';
import { FAMILIES } from './observe/families.ts';
import { makeLogger } from './observe/logger.ts';
import { Meter } from './observe/metrics.ts';
import { Output } from './observe/output.ts';
import { watchWorker } from './observe/standard.ts';
import { flight, report } from './pipeline/reply.ts';
import { compile } from './runtime/compile.ts';
import { secretParameters } from './runtime/authentication.ts';
import { Current } from './runtime/current.ts';
import { Keep } from './runtime/keep.ts';
import { Limits } from './runtime/limits.ts';
import { Recorder } from './runtime/observer.ts';
import { makeServices } from './runtime/services.ts';
import { Upstreams } from './runtime/upstreams.ts';
import { RedisLimits } from './stores/limit-redis.ts';
import { openEmbedded } from './stores/open.ts';
import type { Embedded } from './stores/open.ts';

/** Program of the threads. */
const VERIFY = fileURLToPath(new URL('./verify.js', import.meta.url));

/** The parts that do a worker's work; wired here and nowhere else. */
function assemble(env: WorkerEnvironment, facts: FactBoard, output: Output, log: Logger): Work {
  const current = new Current();
  const meter = new Meter();
  let accessLog: AccessLog | null = null;
  const observer = new Recorder(meter, (x, status, duration) =>
    accessLog!.write(x, status, duration, x.runtime.generation),
  );
  const embedded = openStores(env, meter, log);
  const upstreams = new Upstreams(new Keep(), facts, embedded.words, meter);
  const limits = openLimits(env, embedded.limits, meter, facts);
  let threads = 1;
  const services = makeServices(meter, limits, {
    facts,
    verifier: new ThreadVerifier(VERIFY, () => threads),
    sessions: new SessionTable(facts),
    revocations: new RevocationTable(facts),
  });
  const warn = (line: string) => log.warn(line);
  // Counted in this node also where limits are counted in Redis.
  const door = new Door({ limits: embedded.limits, facts, warn });
  meter.readCounter(FAMILIES.doorRefusals, () => door.refused.connections, 'connection');
  meter.readCounter(FAMILIES.doorRefusals, () => door.refused.requests, 'request');
  const listeners = new Listeners(env.blockWrite, () => current.runtime, door, warn);
  report.error = (error, { id, route }) =>
    log.error({ err: error, request_id: id, route: route.id }, 'internal error');
  watchWorker(meter, {
    worker: env.slot,
    activeRequests: () => flight.active,
    connections: () => listeners.connections,
    droppedLines: () => output.dropped,
  });
  return {
    compile(snapshot) {
      threads = snapshot.config.verifyThreads;
      listeners.prepare(snapshot.config);
      limits.use(snapshot.config.store);
      return compile(snapshot, { upstreams, observer, services });
    },
    serve(runtime) {
      const { config } = runtime;
      log.level = config.log.level;
      const redact = [...config.log.redact, ...secretParameters(config)];
      accessLog = new AccessLog({ ...config.log, redact, destination: output });
      current.swap(runtime);
      listeners.commit();
      door.use(config);
      limits.settle(config.store);
      return listeners;
    },
    ready: () => limits.ready(),
    deltas: () => meter.deltas(),
  };
}

function openStores({ slot, workers, sharedMemory }: WorkerEnvironment, meter: Meter, log: Logger): Embedded {
  const full = meter.counter(FAMILIES.limitTableFull);
  return openEmbedded({
    worker: slot,
    workers,
    shared: sharedMemory > 0 ? { fd: MEMORY_FD, length: sharedMemory } : null,
    full: () => full.inc(),
    warn: (line) => log.warn(line),
  });
}

/** The store that limits are counted in; what befalls it is told as a metric, and to the primary, which logs it. */
function openLimits(
  { slot, workers, node }: WorkerEnvironment,
  embedded: LimitStore,
  meter: Meter,
  facts: FactBoard,
): Limits {
  const operations = meter.counter(FAMILIES.limitStoreOperations);
  const degraded = meter.gauge(FAMILIES.limitStoreDegraded);
  const events = {
    operation: () => operations.inc(),
    degraded(reason: string | null) {
      degraded.set(reason === null ? 0 : 1);
      facts.tell('limit-store', String(slot), reason === null ? null : { reason });
    },
  };
  return new Limits(embedded, (config) => new RedisLimits(config, { node, worker: slot, workers }, events));
}

/** This worker's end of the facts; what it hears is known before the snapshot that comes after it. */
function openFacts(channel: Channel<ToWorker, ToPrimary>): FactBoard {
  const board = new FactBoard((fact) => channel.send({ t: 'fact', fact }));
  channel.on((message) => {
    if (message.t !== 'fact') return;
    board.keep(message.fact);
    board.hear(message.fact);
  });
  return board;
}

/** Longest wait for a slow log reader at the end of a drain. */
const EXIT_MS = 1_000;

/** ENTRY: one worker process. Serves what the primary tells it to, and ends with it. */
function main(): void {
  const env = fromEnv(process.env);
  const output = new Output(LOG_FD);
  const log = makeLogger({ level: 'info', name: 'worker', worker: env.slot, destination: output });
  process.on('exit', () => output.end());
  process.on('uncaughtException', (error) => {
    log.fatal({ err: error }, 'internal error in a worker');
    process.exit(1);
  });
  // A terminal and some supervisors signal the whole process group: only the primary's word counts here.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});
  process.once('disconnect', () => process.exit(0));

  const warn = (line: string) => log.warn(line);
  const channel = openChannel<ToWorker, ToPrimary>(process, { warn });
  // What was said and logged leaves the process first; a reader that is stuck is not waited for long.
  const exit = (code: number) =>
    channel.flush(() => void output.drained(EXIT_MS).then(() => process.exit(code)));
  const facts = openFacts(channel);
  facts.on('round', (_, number) => facts.tell('round-heard', String(env.slot), number));
  new WorkerRole(channel, assemble(env, facts, output, log), { exit, warn });
}

main();
