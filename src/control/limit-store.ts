import type { Logger } from 'pino';
import type { Facts } from '../contracts/facts.ts';
import type { Fleet } from './fleet.ts';

/** Logs once for the node when its first worker loses the store of limits, and once when its last one has it again. */
export function logLimitStore(facts: Facts, fleet: Pick<Fleet, 'listen'>, log: Logger): void {
  const without = new Set<string>();
  const back = (worker: string) => {
    if (!without.delete(worker) || without.size > 0) return;
    log.info('limits are counted in Redis again');
  };
  facts.on('limit-store', (worker, value) => {
    if (value === null) return back(worker);
    without.add(worker);
    if (without.size === 1)
      log.warn({ reason: value.reason }, 'Redis cannot be asked: this node enforces its part of every limit');
  });
  fleet.listen({ died: ({ slot }) => back(String(slot)) });
}
