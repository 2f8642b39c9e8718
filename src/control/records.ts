import type { Logger } from 'pino';
import type { GatewayConfig } from '../contracts/config.ts';
import type { Records } from '../contracts/records.ts';
import { FileRecords } from '../stores/file-records.ts';
import { MemoryRecords } from '../stores/memory-records.ts';
import { RedisRecords } from '../stores/redis-records.ts';

/** Opens what keeps records by the `store` block: Redis, a folder, or memory. Throws when the folder cannot be used. */
export function openRecords({ store }: GatewayConfig, log: Logger): Records {
  if (store.kind === 'redis')
    return new RedisRecords(store, {
      trouble: (reason) => log.warn({ reason }, 'Redis cannot be reached by the primary'),
      restored: (records) => log.warn({ records }, 'Redis had forgotten what this node knows: written back'),
    });
  if (store.dir !== undefined) return new FileRecords(store.dir);
  return new MemoryRecords(() =>
    log.warn('what is changed through the admin API is lost at a restart: set store.dir to keep it'),
  );
}
