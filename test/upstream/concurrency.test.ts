import { describe, expect, test } from 'vitest';
import { AdaptiveLimit } from '../../src/upstream/concurrency.ts';

/** A request of a simulation; times in virtual milliseconds. */
interface Job {
  readonly rank: number;
  readonly limit: AdaptiveLimit;
  readonly began: number;
}

interface Outcome {
  readonly at: number;
  readonly rank: number;
  /** Milliseconds; -1 = refused. */
  readonly took: number;
}

/**
 * An origin with fixed slots and a fixed time of service, the rest waits in its queue; in front of it a limit for each
 * worker. Requests come at a steady rate whatever happens to the others. Time is virtual, so the machine's load plays no part.
 */
class Simulation {
  slots: number;
  serviceMs: number;
  readonly outcomes: Outcome[] = [];
  readonly limits: readonly AdaptiveLimit[];
  now = 0;
  #arrived = 0;
  #busy = 0;
  readonly #queue: Job[] = [];
  readonly #events: { at: number; run: () => void }[] = [];

  constructor(slots: number, serviceMs: number, workers = 1) {
    this.slots = slots;
    this.serviceMs = serviceMs;
    this.limits = Array.from(
      { length: workers },
      () => new AdaptiveLimit({ min: 4, max: 1000 }, () => this.now),
    );
  }

  /** Lets so many requests a second come for so long; `rankOf` says of which rank the n-th is. */
  run(ms: number, perSecond: number, rankOf: (n: number) => number = () => 1): void {
    const end = this.now + ms;
    const gap = 1000 / perSecond;
    let n = 0;
    for (let next = this.now; next < end; next += gap) {
      this.#advance(next);
      this.#arrive(rankOf(n++));
    }
    this.#advance(end);
  }

  /** What happened in the last `ms`. */
  last(ms: number): { goodput: number; p99: number; refused: number } {
    const recent = this.outcomes.filter(({ at }) => at > this.now - ms);
    const served = recent.flatMap(({ took }) => (took < 0 ? [] : [took])).sort((a, b) => a - b);
    return {
      goodput: (served.length * 1000) / ms,
      p99: served[Math.floor(served.length * 0.99)] ?? 0,
      refused: recent.length - served.length,
    };
  }

  #arrive(rank: number): void {
    const limit = this.limits[this.#arrived++ % this.limits.length]!;
    if (!limit.enter(rank)) {
      this.outcomes.push({ at: this.now, rank, took: -1 });
      return;
    }
    this.#queue.push({ rank, limit, began: this.now });
    this.#serve();
  }

  #serve(): void {
    while (this.#busy < this.slots && this.#queue.length > 0) {
      const job = this.#queue.shift()!;
      this.#busy++;
      // Service times vary a little, as they do.
      const at = this.now + this.serviceMs * (0.9 + 0.2 * ((this.outcomes.length * 7919) % 100) * 0.01);
      const index = this.#events.findIndex((each) => each.at > at);
      const event = { at, run: () => this.#finish(job) };
      if (index < 0) this.#events.push(event);
      else this.#events.splice(index, 0, event);
    }
  }

  #finish({ rank, limit, began }: Job): void {
    this.#busy--;
    const took = this.now - began;
    this.outcomes.push({ at: this.now, rank, took });
    limit.answered(took, this.now);
    this.#serve();
  }

  #advance(to: number): void {
    while (this.#events.length > 0 && this.#events[0]!.at <= to) {
      const { at, run } = this.#events.shift()!;
      this.now = at;
      run();
    }
    this.now = to;
  }
}

describe.each([
  [20, 20, 1],
  [50, 10, 1],
  [16, 100, 1],
  [20, 20, 2],
  [64, 20, 4],
  [64, 100, 8],
])('half of %i slots of %i ms go, %i workers', (slots, serviceMs, workers) => {
  const capacity = (slots * 1000) / serviceMs;

  test('goodput stays at 90 % of the new capacity, and waiting is bounded', () => {
    const run = new Simulation(slots, serviceMs, workers);
    run.run(15_000, capacity * 1.3);
    const before = run.last(10_000);
    expect(before.goodput).toBeGreaterThan(0.9 * capacity);
    expect(before.p99).toBeLessThan(4 * serviceMs);
    run.slots = slots / 2;
    run.run(3_000, capacity * 1.3);
    // The first seconds as well: the limit of before is the most that can wait.
    expect(run.last(3_000).goodput).toBeGreaterThan(0.9 * (capacity / 2));
    run.run(20_000, capacity * 1.3);
    const after = run.last(20_000);
    expect(after.goodput).toBeGreaterThan(0.9 * (capacity / 2));
    expect(after.p99).toBeLessThan(5 * serviceMs);
    run.slots = slots;
    run.run(10_000, capacity * 1.3);
    expect(run.last(5_000).goodput).toBeGreaterThan(0.9 * capacity);
  });
});

test('an upstream that takes twice as long for each request is not mistaken for a queue for long', () => {
  const run = new Simulation(20, 20);
  run.run(15_000, 1300);
  run.serviceMs = 40;
  run.run(15_000, 1300);
  run.run(10_000, 1300);
  expect(run.last(10_000).goodput).toBeGreaterThan(0.9 * 500);
  expect(run.last(10_000).p99).toBeLessThan(4 * 40);
});

test('an upstream that is not crowded is never refused anything', () => {
  const run = new Simulation(100, 20);
  run.run(20_000, 500);
  expect(run.last(20_000).refused).toBe(0);
});

test('who goes first is served first when not all can be', () => {
  const run = new Simulation(20, 20);
  // A tenth is high, three tenths are low; twice what can be served.
  const rankOf = (n: number) => (n % 10 === 0 ? 0 : n % 10 < 4 ? 2 : 1);
  run.run(10_000, 2000, rankOf);
  run.outcomes.length = 0;
  run.run(20_000, 2000, rankOf);
  const share = (rank: number) => {
    const of = run.outcomes.filter((each) => each.rank === rank);
    return of.filter(({ took }) => took >= 0).length / of.length;
  };
  expect(share(0)).toBeGreaterThan(0.97);
  expect(share(1)).toBeGreaterThan(share(2));
  expect(share(2)).toBeLessThan(0.3);
});

test('time-outs shrink the limit, and it stays within its bounds', () => {
  let now = 0;
  // Its own time of day: by the real one it would at times be looking, with half the limit, when it is judged.
  const limit = new AdaptiveLimit({ min: 4, max: 30 }, () => now);
  for (let i = 0; i < 200; i++) {
    expect(limit.enter(0)).toBe(true);
    limit.timedOut((now += 110));
  }
  expect(limit.limit).toBe(4);
  for (let i = 0; i < 20_000; i++) {
    now += 1;
    for (let k = limit.inFlight; k < 30; k++) limit.enter(0);
    limit.answered(20, now);
  }
  expect(limit.limit).toBeLessThanOrEqual(30);
  expect(limit.limit).toBeGreaterThan(20);
});
