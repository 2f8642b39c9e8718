// Cost of one decision of a limit in memory that workers share. Build first: npm run build.
//   node native-bench/limit.mjs
// Every key is text made for the call alone, as an edge would; the clock is read for each.
import { closeSync } from 'node:fs';
import { SharedLimits } from '../dist/stores/limit-shared.js';
import { create } from '../dist/stores/shared-memory.js';

const CALLS = 200_000;
const ROUNDS = 15;
const { fd, memory } = create(['/dev/shm'], 16 * 1024 * 1024, 2);
closeSync(fd);
const store = new SharedLimits({ memory, worker: 0, full: () => process.stderr.write('full\n') });

const fresh = (text) => Buffer.from(text, 'latin1').latin1Slice();
const address = (i) => fresh(`10.${(i >> 16) & 255}.${(i >> 8) & 255}.${i & 255}`);
const rule = (algorithm, amount) => ({
  id: `bench/${algorithm}-${amount}`,
  algorithm,
  amount,
  burst: amount,
});
const LOTS = 16_000_000;

const CASES = [
  ['token bucket, one key, passes', 'token-bucket', LOTS, 1],
  ['token bucket, one key, refused', 'token-bucket', 1, 1],
  ['token bucket, 50,000 keys, passes', 'token-bucket', LOTS, 50_000],
  ['sliding window, one key, passes', 'sliding-window', LOTS, 1],
  ['fixed window, one key, passes', 'fixed-window', LOTS, 1],
  ['concurrency, one key, in and out', 'concurrency', 100, 1],
];

function measure(bucket, keys, inAndOut) {
  let best = Infinity;
  let sum = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const texts = Array.from({ length: CALLS }, (_, i) => address(i % keys));
    const start = process.hrtime.bigint();
    for (let i = 0; i < CALLS; i++) {
      sum += bucket.take(texts[i], 1);
      if (inAndOut) bucket.give(texts[i], 1);
    }
    best = Math.min(best, Number(process.hrtime.bigint() - start) / CALLS);
  }
  if (Number.isNaN(sum)) throw new Error('no verdicts');
  return Math.round(best);
}

const rows = CASES.map(([what, algorithm, amount, keys]) => {
  const bucket = store.bucket({ ...rule(algorithm, amount), periodMs: 60_000, exact: true });
  return { what, 'ns per call': measure(bucket, keys, algorithm === 'concurrency') };
});
console.table(rows);
