import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { atEnd } from '../support/cleanup.ts';
import { type Gateway, startGateway } from '../support/gateway.ts';
import { connect } from '../support/raw.ts';
import { get } from './proxying.ts';

const SLOTS = 16;
const SERVICE_MS = 40;
const THINK_MS = 200;
/** Together they ask for more than all slots can serve. */
const CLIENTS = { high: 16, normal: 96, low: 48 };
type Rank = keyof typeof CLIENTS;

interface Tally {
  readonly served: number;
  readonly busyMs: number;
  readonly at: number;
}

interface Outcome {
  readonly rank: Rank;
  readonly at: number;
  readonly took: number;
  readonly status: number;
}

async function startSlots() {
  const program = fileURLToPath(new URL('slots-process.mjs', import.meta.url));
  const args = [program, SLOTS, SERVICE_MS].map(String);
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  atEnd(() => void child.kill('SIGKILL'));
  const [text] = (await once(child.stdout, 'data')) as [Buffer];
  const url = `http://127.0.0.1:${String(text).trim()}`;
  return {
    url,
    tally: async () => (await (await fetch(`${url}/tally`)).json()) as Tally,
    resize: (slots: number) => fetch(`${url}/slots/${slots}`, { method: 'POST' }),
  };
}

/** Clients that ask, think, and ask again, until the returned function is called. */
function load(gateway: Gateway, outcomes: Outcome[]): () => Promise<unknown> {
  let on = true;
  const run = async (rank: Rank) => {
    const client = await connect(gateway.port);
    await sleep(Math.random() * THINK_MS);
    while (on) {
      const began = performance.now();
      await client.send(get(`/${rank}`));
      const { status } = await client.reply('GET', 20_000);
      const at = performance.now();
      outcomes.push({ rank, at, took: at - began, status });
      await sleep(THINK_MS);
    }
    client.destroy();
  };
  const ranks = Object.entries(CLIENTS) as [Rank, number][];
  const all = ranks.flatMap(([rank, count]) => Array.from({ length: count }, () => run(rank)));
  return () => {
    on = false;
    return Promise.all(all);
  };
}

/** What came of the requests of a phase, beside what the origin's slots could have served in that time. */
async function phase(origin: Awaited<ReturnType<typeof startSlots>>, outcomes: Outcome[], slots: number) {
  const [from, since] = [await origin.tally(), performance.now()];
  return async () => {
    const [to, until] = [await origin.tally(), performance.now()];
    const seen = outcomes.filter(({ at }) => at >= since && at < until);
    const good = seen.filter(({ status }) => status === 200);
    // A busy machine makes each service longer than asked for: what it took is what counts.
    const serviceMs = (to.busyMs - from.busyMs) / (to.served - from.served);
    const took = good.map((each) => each.took).sort((a, b) => a - b);
    const share = (rank: Rank) =>
      good.filter((each) => each.rank === rank).length / seen.filter((each) => each.rank === rank).length;
    return {
      goodput: good.length / (((to.at - from.at) * slots) / serviceMs),
      p99: took[Math.floor(took.length * 0.99)]! / serviceMs,
      refused: seen.length - good.length,
      statuses: new Set(seen.map(({ status }) => status)),
      high: share('high'),
      normal: share('normal'),
      low: share('low'),
    };
  };
}

/** Half of a whole upstream goes; gives what came of the requests before, and after. */
async function halve() {
  const origin = await startSlots();
  const gateway = await startGateway({
    workers: 2,
    config: {
      version: 1,
      upstreams: [{ id: 'u', targets: [{ url: origin.url }], concurrency: 'adaptive' }],
      routes: Object.keys(CLIENTS).map((rank) => ({
        id: rank,
        match: { paths: [`/${rank}`] },
        upstream: 'u',
        class: rank,
      })),
    },
  });
  const outcomes: Outcome[] = [];
  const stop = load(gateway, outcomes);
  await sleep(5_000);
  const whole = await phase(origin, outcomes, SLOTS);
  await sleep(3_000);
  const before = await whole();
  await origin.resize(SLOTS / 2);
  // From the first moment on.
  const half = await phase(origin, outcomes, SLOTS / 2);
  await sleep(10_000);
  const after = await half();
  await stop();
  await gateway.kill();
  return { before, after };
}

test(
  'half of an upstream goes under too much load: the rest of it is used, nobody waits long, high goes first',
  { timeout: 120_000 },
  async () => {
    let seen = await halve();
    const isGood = () => seen.before.goodput > 0.6 && seen.after.goodput > 0.9 && seen.after.p99 < 10;
    // The best of three: all wait while the machine stalls, and nobody is served.
    for (let turn = 1; turn < 3 && !isGood(); turn++) seen = await halve();
    const { before, after } = seen;
    const told = JSON.stringify(seen);
    for (const { statuses } of [before, after]) expect(statuses).toEqual(new Set([200, 503]));
    expect(before.goodput, told).toBeGreaterThan(0.6);
    expect(after.goodput, told).toBeGreaterThan(0.9);
    // Without a limit these clients would wait for 15 times the service in the queue of half the slots.
    expect(after.p99, told).toBeLessThan(10);
    expect(after.refused, told).toBeGreaterThan(500);
    expect(after.high, told).toBeGreaterThan(0.5);
    expect(after.high, told).toBeGreaterThan(after.normal);
    expect(after.normal, told).toBeGreaterThan(after.low);
  },
);
