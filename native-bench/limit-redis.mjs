// What a limit counted in Redis costs: node native-bench/limit-redis.mjs   (needs redis-server; make build first)
import { spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { RedisLimits } from '../dist/stores/limit-redis.js';

const ROUNDS = Number(process.env.ROUNDS ?? 5);

const port = await new Promise((resolve) => {
  const server = createServer().listen(0, '127.0.0.1', () => {
    const { port } = server.address();
    server.close(() => resolve(port));
  });
});
const redis = spawn('redis-server', ['--port', `${port}`, '--bind', '127.0.0.1', '--save', ''], {
  stdio: 'ignore',
});
process.on('exit', () => redis.kill('SIGKILL'));
await sleep(300);

let operations = 0;
const store = new RedisLimits(
  {
    kind: 'redis',
    url: `redis://127.0.0.1:${port}`,
    cluster: false,
    prefix: 'bench',
    timeout: 1_000,
    lease: 100,
  },
  { node: 'bench', worker: 0, workers: 1 },
  { operation: () => operations++, degraded: (reason) => reason && console.error(`degraded: ${reason}`) },
);
await store.ready();

const rule = { algorithm: 'token-bucket', amount: 1e8, periodMs: 1_000, burst: 1e8 };
const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1];
const cpu = () => {
  const { user, system } = process.cpuUsage();
  return user + system;
};

/** Takes that a lease answers: CPU of this process per take. */
async function leased() {
  const bucket = store.bucket({ ...rule, id: 'bench/leased', exact: false });
  const keys = Array.from({ length: 100 }, (_, i) => `10.0.0.${i}`);
  const found = [];
  for (let round = -1; round < ROUNDS; round++) {
    let sync = 0;
    let all = 0;
    let spent = 0;
    for (const end = performance.now() + 1_000; performance.now() < end; await sleep(0)) {
      const before = cpu();
      for (let i = 0; i < 200; i++, all++) if (typeof bucket.take(keys[i % 100], 1) === 'number') sync++;
      spent += cpu() - before;
    }
    if (round >= 0) found.push({ us: spent / all, share: sync / all });
  }
  return found;
}

/** Takes that ask Redis: CPU of this process and latency per take, `parallel` at a time. */
async function exact(parallel) {
  const bucket = store.bucket({ ...rule, id: `bench/exact${parallel}`, exact: true });
  const found = [];
  for (let round = -1; round < ROUNDS; round++) {
    let all = 0;
    const waits = [];
    const before = cpu();
    const end = performance.now() + 1_000;
    const client = async (key) => {
      for (let now = performance.now(); now < end; all++) {
        await bucket.take(key, 1);
        const then = performance.now();
        waits.push(then - now);
        now = then;
      }
    };
    await Promise.all(Array.from({ length: parallel }, (_, i) => client(`k${i}`)));
    waits.sort((a, b) => a - b);
    const p99 = waits[Math.floor(waits.length * 0.99)] * 1_000;
    if (round >= 0) found.push({ us: (cpu() - before) / all, p50: median(waits) * 1_000, p99, rate: all });
  }
  return found;
}

const lease = await leased();
console.log(
  `leased: ${median(lease.map(({ us }) => us)).toFixed(2)} us CPU a take, ` +
    `${(100 * median(lease.map(({ share }) => share))).toFixed(2)} % answered without Redis`,
);
for (const parallel of [1, 64]) {
  const rounds = await exact(parallel);
  const of = (key) => median(rounds.map((each) => each[key])).toFixed(1);
  console.log(
    `exact, ${parallel} at a time: ${of('us')} us CPU a take, latency p50 ${of('p50')} us p99 ${of('p99')} us, ${of('rate')} a second`,
  );
}
console.log(
  'for comparison, published shapes: Kong (policy redis) reads, answers and writes later, so it overshoots;',
);
console.log('Envoy asks a rate limit service over gRPC, which asks Redis: two round trips a request.');
await store.close();
redis.kill('SIGKILL');
