import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FileRecords } from '../../src/stores/file-records.ts';
import { MemoryRecords } from '../../src/stores/memory-records.ts';
import { recordsSuite } from '../suites/records.ts';
import { atEnd } from '../support/cleanup.ts';
import { startRedis } from '../support/redis.ts';
import { openRedisRecords } from './redis-support.ts';

recordsSuite('memory', () => Promise.resolve({ records: new MemoryRecords(), again: null }));

recordsSuite('a file', () => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-records-'));
  atEnd(() => Promise.resolve(rmSync(folder, { recursive: true, force: true })));
  const records = new FileRecords(folder);
  const again = async () => {
    await records.close();
    const next = new FileRecords(folder);
    atEnd(() => next.close());
    return next;
  };
  return Promise.resolve({ records, again });
});

recordsSuite('Redis', async () => {
  const { url } = await startRedis();
  return { records: await openRedisRecords(url), again: () => openRedisRecords(url) };
});
