import { setTimeout as sleep } from 'node:timers/promises';
import { loadText } from '../../src/config/load.ts';
import type { StoreConfig } from '../../src/contracts/store.ts';
import type { LimitRule, Verdict } from '../../src/contracts/stores.ts';
import { RedisLimits } from '../../src/stores/limit-redis.ts';
import { RedisRecords } from '../../src/stores/redis-records.ts';
import { atEnd } from '../support/cleanup.ts';

/** The `store` of a configuration with these keys, as the gateway would have it. */
export function storeOf(keys: object): StoreConfig {
  const text = JSON.stringify({ version: 1, store: { kind: 'redis', ...keys } });
  const loaded = loadText(text, 'a.yaml', { env: {} });
  if (!loaded.ok) throw new Error(loaded.mistakes.map(({ message }) => message).join());
  return loaded.config.store;
}

/** A store that is watched. */
export interface Watched {
  readonly store: RedisLimits;
  /** Scripts sent so far. */
  readonly operations: () => number;
  /** What was told of trouble, in order; null = all is well again. */
  readonly told: (string | null)[];
}

let nodes = 0;

/** A store of limits like a worker's; closed when the test ends. */
export function openLimits(keys: object, node = `n${++nodes}`, workers = 1, worker = 0): Watched {
  let operations = 0;
  const told: (string | null)[] = [];
  const store = new RedisLimits(
    storeOf(keys),
    { node, worker, workers },
    { operation: () => operations++, degraded: (reason) => told.push(reason) },
  );
  atEnd(() => store.close());
  return { store, operations: () => operations, told };
}

export const rule = (over: Partial<LimitRule>): LimitRule => {
  const amount = over.amount ?? 10;
  return {
    id: 'r/l',
    algorithm: 'token-bucket',
    amount,
    periodMs: 60_000,
    burst: amount,
    exact: true,
    ...over,
  };
};

/** Waits until a store asks Redis: before that it decides alone. */
export async function connected({ store, operations }: Watched): Promise<void> {
  const bucket = store.bucket(rule({ id: 'connected', amount: 1_000_000 }));
  for (const before = operations(); operations() === before;) {
    await store.ready();
    await bucket.take('k', 1);
    await sleep(5);
  }
}

export const allowed = (verdicts: readonly Verdict[]): number => verdicts.filter((each) => each >= 0).length;

/** Takes that are asked for at once. */
export const takes = (n: number, take: (i: number) => Verdict | Promise<Verdict>): Promise<Verdict[]> =>
  Promise.all(Array.from({ length: n }, async (_, i) => take(i)));

/** Records of one node, read for the first time; closed when the test ends. */
export async function openRedisRecords(url: string): Promise<RedisRecords> {
  const records = new RedisRecords(storeOf({ url }), { trouble: () => undefined, restored: () => undefined });
  atEnd(() => records.close());
  await records.known;
  return records;
}
