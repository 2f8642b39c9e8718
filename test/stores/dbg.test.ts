import { setTimeout as sleep } from 'node:timers/promises';
import { test } from 'vitest';
import { startRedis } from '../support/redis.ts';
import { connected, openLimits, rule } from './redis-support.ts';
import { Authority } from '../../src/stores/authority.ts';
test('dbg', async () => {
  const redis = await startRedis();
  const w = openLimits({ url: redis.url, timeout: '1000ms' });
  await connected(w);
  const orig = Authority.prototype.ask;
  const t0 = performance.now();
  Authority.prototype.ask = async function (a, b, args) {
    const r = await orig.call(this, a, b, args);
    console.log((performance.now() - t0).toFixed(1), JSON.stringify(args), JSON.stringify(r));
    return r;
  };
  const bucket = w.store.bucket(
    rule({ algorithm: 'fixed-window', amount: 10_000, periodMs: 3_600_000, exact: false }),
  );
  let adm = 0;
  const p: Promise<unknown>[] = [];
  const began = performance.now();
  let asked = 0;
  for (let now = began; now - began < 200; now = performance.now()) {
    for (; asked < (now - began) * 2; asked++) {
      const v = bucket.take('k', 1);
      if (v instanceof Promise)
        p.push(
          v.then((x) => {
            if (x >= 0) adm++;
          }),
        );
      else if (v >= 0) adm++;
    }
    await sleep(1);
  }
  await Promise.all(p);
  await sleep(500);
  console.log(adm, asked, redis.cli('get', 'sluice:f:{r/l:k}'), w.told);
});
