import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { FaultCode } from '../contracts/fault.ts';
import { CodeCounter } from './code-counter.ts';
import { FAMILIES } from './families.ts';
import type { Counter, Histogram, Meter } from './metrics.ts';

/** Milliseconds as seconds; a clock that jumped or a missing number counts as 0. */
const seconds = (ms: number): number => (ms > 0 && ms < Infinity ? ms / 1000 : 0);

/** The numbers of one route. */
export class RouteRecorder {
  readonly #codes: CodeCounter;
  readonly #whole: Histogram;
  readonly #own: Histogram;

  constructor(meter: Meter, route: string) {
    this.#codes = new CodeCounter(meter, FAMILIES.requests, route);
    this.#whole = meter.histogram(FAMILIES.requestDuration, route);
    this.#own = meter.histogram(FAMILIES.gatewayDuration, route);
  }

  /**
   * One finished exchange.
   * @param status As logged: 499 when the client left first.
   * @param durationMs From the request to the last byte or the abort.
   * @param gatewayMs `durationMs` without the time spent waiting for the upstream.
   */
  record(method: string, status: number, durationMs: number, gatewayMs: number): void {
    this.#codes.inc(method, status);
    this.#whole.observe(seconds(durationMs));
    this.#own.observe(seconds(gatewayMs));
  }
}

/** Counters of one family by outcome, bound when an outcome is seen for the first time. */
class Outcomes {
  readonly #bind: (outcome: string) => Counter;
  readonly #bound = new Map<string, Counter>();

  constructor(bind: (outcome: string) => Counter) {
    this.#bind = bind;
  }

  /** `ok` | `status_5xx` | `given_up` (before a reply, by the client or for another attempt) | the code of the fault. */
  inc(status: number, fault: FaultCode | null): void {
    const outcome = fault ?? (status >= 500 ? 'status_5xx' : status === 0 ? 'given_up' : 'ok');
    let counter = this.#bound.get(outcome);
    if (counter === undefined) this.#bound.set(outcome, (counter = this.#bind(outcome)));
    counter.inc();
  }
}

/** The numbers of one target of an upstream. */
export class TargetRecorder {
  readonly #attempts: Outcomes;
  readonly #retries: Outcomes;
  readonly #duration: Histogram;

  constructor(meter: Meter, upstream: string, target: string) {
    this.#attempts = new Outcomes((outcome) =>
      meter.counter(FAMILIES.upstreamRequests, upstream, target, outcome),
    );
    this.#retries = new Outcomes((outcome) => meter.counter(FAMILIES.retries, upstream, outcome));
    this.#duration = meter.histogram(FAMILIES.upstreamDuration, upstream);
  }

  /**
   * One settled attempt.
   * @param number 1 for the first try; later ones also count as retries.
   * @param status Of the reply, 0 before its head.
   * @param fault Code of the fault that ended the attempt, null = none.
   * @param durationMs From the start of the attempt to its end.
   */
  record(number: number, status: number, fault: FaultCode | null, durationMs: number): void {
    this.#attempts.inc(status, fault);
    if (number > 1) this.#retries.inc(status, fault);
    this.#duration.observe(seconds(durationMs));
  }
}

/** What a worker can tell about itself at any moment. */
export interface WorkerState {
  /** Number of the worker; the label `worker`. */
  readonly worker: number;
  /** Requests in flight. */
  activeRequests(): number;
  /** Open client connections. */
  connections(): number;
  /** Log lines dropped since the process began. */
  droppedLines(): number;
}

const LAG_RESOLUTION_MS = 20;

/** Binds the numbers of a worker as a whole; the returned function stops measuring. */
export function watchWorker(meter: Meter, state: WorkerState): () => void {
  meter.readGauge(FAMILIES.activeRequests, () => state.activeRequests());
  meter.readGauge(FAMILIES.connections, () => state.connections());
  meter.readCounter(FAMILIES.logDropped, () => state.droppedLines());
  const delay = monitorEventLoopDelay({ resolution: LAG_RESOLUTION_MS });
  delay.enable();
  const readLag = () => {
    // What is measured is the time between two ticks of a timer: its period is no delay.
    const lagMs = delay.count === 0 ? 0 : Math.max(0, delay.percentile(99) / 1e6 - LAG_RESOLUTION_MS);
    delay.reset();
    return Math.round(lagMs * 1000) / 1e6;
  };
  meter.readGauge(FAMILIES.eventLoopLag, readLag, String(state.worker));
  return () => delay.disable();
}
