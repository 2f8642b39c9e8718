import { performance } from 'node:perf_hooks';
import type { Attempt, Exchange as ExchangeContract, RouteInfo } from '../contracts/exchange.ts';
import type { Target } from '../contracts/transport.ts';
import type { Meter } from '../observe/metrics.ts';
import { RouteRecorder, TargetRecorder } from '../observe/standard.ts';
import type { Exchange } from '../pipeline/exchange.ts';

/** Who hears of finished exchanges and settled attempts, bound per route. */
export interface Observer {
  done(route: RouteInfo): (x: ExchangeContract) => void;
  settled(route: RouteInfo): (a: Attempt) => void;
}

/** Hears nothing: for compiling a configuration only to see whether it can be served. */
export const deafObserver: Observer = { done: () => () => undefined, settled: () => () => undefined };

/** Status in log and metrics when the client left before it had the whole answer. */
const CLIENT_LEFT = 499;

/** `status` as the client saw it, `duration` in milliseconds. */
type Log = (x: Exchange, status: number, duration: number) => void;

/** Counts and logs. Series live in the meter, so a reload goes on counting where it was. */
export class Recorder implements Observer {
  readonly #meter: Meter;
  readonly #log: Log;

  /** @param log Writes the access log line, by the rules of the present configuration. */
  constructor(meter: Meter, log: Log) {
    this.#meter = meter;
    this.#log = log;
  }

  done(route: RouteInfo): (x: ExchangeContract) => void {
    const recorder = new RouteRecorder(this.#meter, route.id);
    return (each) => {
      const x = each as Exchange;
      const status = x.aborted ? CLIENT_LEFT : (x.reply?.status ?? 0);
      const duration = (x.endsAt === 0 ? performance.now() : x.endsAt) - x.startedAt;
      recorder.record(x.method, status, duration, duration - x.upstreamMs);
      this.#log(x, status, duration);
    };
  }

  settled(route: RouteInfo): (a: Attempt) => void {
    if (route.upstreamId === null) return () => undefined;
    const recorders = new Map<Target, TargetRecorder>();
    return (a) => {
      let recorder = recorders.get(a.target);
      if (recorder === undefined)
        recorders.set(a.target, (recorder = new TargetRecorder(this.#meter, a.upstream.id, a.target.id)));
      recorder.record(a.number, a.status, a.fault?.code ?? null, a.endedAt - a.startedAt);
    };
  }
}
