import { flight } from '../pipeline/reply.ts';

/** How long a drained worker still listens to connections that have gone quiet. */
const QUIET_MS = 500;
const LOOK_EVERY_MS = 20;

/**
 * Calls `done` once nothing is in flight and every open connection has been quiet for a moment: a request
 * that was on its way when the listener closed still gets its answer.
 */
export function whenDrained(
  edge: { readonly connections: number },
  lastRequest: () => number,
  done: () => void,
): void {
  const timer = setInterval(() => {
    const quiet = performance.now() - lastRequest() > QUIET_MS;
    if (flight.active > 0 || (edge.connections > 0 && !quiet)) return;
    clearInterval(timer);
    done();
  }, LOOK_EVERY_MS);
}
