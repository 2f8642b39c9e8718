import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { SeriesDelta } from '../../src/contracts/messages.ts';
import { FAMILIES } from '../../src/observe/families.ts';
import { Merged } from '../../src/observe/merge.ts';
import { Meter } from '../../src/observe/metrics.ts';
import { RouteRecorder } from '../../src/observe/standard.ts';
import { parseExposition, type Sample } from './exposition.ts';

async function samples(merged: Merged): Promise<Sample[]> {
  return [...parseExposition(await merged.text()).values()].flatMap((family) => family.samples);
}

async function valueOf(merged: Merged, name: string, labels: Record<string, string> = {}) {
  const found = (await samples(merged)).filter(
    (sample) =>
      sample.name === name &&
      Object.entries(labels).every(([label, value]) => sample.labels[label] === value),
  );
  expect(found.length).toBeLessThanOrEqual(1);
  return found[0]?.value;
}

test('every family is announced with its help and type, even before the first number', async () => {
  const families = parseExposition(await new Merged().text());
  for (const { name, help, kind } of Object.values(FAMILIES))
    expect(families.get(name)).toMatchObject({ help, type: kind });
});

test('the content type is that of the text format', () => {
  expect(new Merged().contentType).toBe('text/plain; version=0.0.4; charset=utf-8');
});

test('numbers of several workers add up, and a dead worker takes only its gauges with it', async () => {
  const merged = new Merged();
  for (const worker of [1, 2]) {
    const meter = new Meter();
    const route = new RouteRecorder(meter, 'users');
    meter.gauge(FAMILIES.connections).set(10 * worker);
    meter.gauge(FAMILIES.eventLoopLag, String(worker)).set(worker / 100);
    for (let i = 0; i < 3; i++) route.record('GET', 200, 4, 0.1);
    expect(merged.apply(worker, meter.deltas())).toBe(0);
  }
  expect(await valueOf(merged, 'sluice_requests_total', { route: 'users', code: '200' })).toBe(6);
  expect(await valueOf(merged, 'sluice_connections')).toBe(30);
  expect(await valueOf(merged, 'sluice_event_loop_lag_seconds', { worker: '2' })).toBe(0.02);
  merged.gone(2);
  expect(await valueOf(merged, 'sluice_requests_total', { route: 'users', code: '200' })).toBe(6);
  expect(await valueOf(merged, 'sluice_connections')).toBe(10);
  expect(await valueOf(merged, 'sluice_event_loop_lag_seconds', { worker: '2' })).toBeUndefined();
});

test('buckets are cumulative and +Inf is the count', async () => {
  const merged = new Merged();
  const meter = new Meter();
  const route = new RouteRecorder(meter, 'users');
  for (const ms of [0.2, 3, 3, 700, 60_000]) route.record('GET', 200, ms, 0);
  merged.apply(1, meter.deltas());
  const bucket = (le: string) => valueOf(merged, 'sluice_request_duration_seconds_bucket', { le });
  expect([await bucket('0.0005'), await bucket('0.005'), await bucket('1'), await bucket('10')]).toEqual([
    1, 3, 4, 4,
  ]);
  expect(await bucket('+Inf')).toBe(5);
  expect(await valueOf(merged, 'sluice_request_duration_seconds_sum')).toBeCloseTo(60.7062);
});

test('the primary keeps numbers of its own', async () => {
  const merged = new Merged();
  merged.set(FAMILIES.configGeneration, 3);
  merged.set(FAMILIES.configGeneration, 4);
  merged.add(FAMILIES.workerRestarts, 1);
  merged.add(FAMILIES.workerRestarts, 1);
  merged.gone(1);
  expect(await valueOf(merged, 'sluice_config_generation')).toBe(4);
  expect(await valueOf(merged, 'sluice_worker_restarts_total')).toBe(2);
  expect(() => merged.add(FAMILIES.workerRestarts, -1)).toThrow('sluice_worker_restarts_total');
  expect(() => merged.set(FAMILIES.buildInfo, 1)).toThrow('sluice_build_info');
});

test('any label value comes back as it was', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.string({ unit: 'binary', maxLength: 20 }), { minLength: 3, maxLength: 3 }),
      async (labels) => {
        const merged = new Merged();
        merged.apply(1, [['sluice_requests_total', labels, [1]]]);
        const found = await samples(merged);
        expect(found).toHaveLength(1);
        expect(Object.values(found[0]!.labels)).toEqual(labels);
      },
    ),
  );
});

test.each<[string, unknown]>([
  ['no list', 7],
  ['no delta', [7]],
  ['an unknown family', [['nope', [], [1]]]],
  ['a name that is no text', [[{}, [], [1]]]],
  ['too few labels', [['sluice_requests_total', ['r'], [1]]]],
  ['labels that are no text', [['sluice_retries_total', ['r', 7], [1]]]],
  ['a label beyond all measure', [['sluice_retries_total', ['r', 'x'.repeat(1000)], [1]]]],
  ['no values', [['sluice_retries_total', ['r', 'ok'], []]]],
  ['NaN', [['sluice_retries_total', ['r', 'ok'], [NaN]]]],
  ['a value that is no number', [['sluice_retries_total', ['r', 'ok'], ['1']]]],
  ['a falling counter', [['sluice_retries_total', ['r', 'ok'], [-1]]]],
  ['a histogram of the wrong size', [['sluice_upstream_duration_seconds', ['u'], [1, 1]]]],
])('%s is skipped and changes nothing', async (_, deltas) => {
  const merged = new Merged();
  expect(merged.apply(1, deltas as SeriesDelta[])).toBe(1);
  expect(await samples(merged)).toEqual([]);
});

/** What may happen to one of three workers. */
const step = fc.record({
  worker: fc.nat(2),
  event: fc.constantFrom('count', 'observe', 'gauge', 'push', 'die'),
  amount: fc.nat(100),
});

test('over any life of workers: counters = plain sum of what was pushed, gauges = sum over the living', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 120 }), async (steps) => {
      const merged = new Merged();
      const meters = [new Meter(), new Meter(), new Meter()];
      const model = { count: 0, observed: 0, sum: 0, gauges: new Map<number, number>() };
      const unpushed = meters.map(() => ({ count: 0, observed: 0, sum: 0, gauge: -1 }));
      for (const { worker, event, amount } of steps) {
        const meter = meters[worker]!;
        const own = unpushed[worker]!;
        if (event === 'count') {
          meter.counter(FAMILIES.retries, 'u', 'ok').add(amount);
          own.count += amount;
        } else if (event === 'observe') {
          meter.histogram(FAMILIES.upstreamDuration, 'u').observe(amount);
          own.observed++;
          own.sum += amount;
        } else if (event === 'gauge') {
          meter.gauge(FAMILIES.connections).set(amount);
          own.gauge = amount;
        } else if (event === 'push') {
          merged.apply(worker, meter.deltas());
          model.count += own.count;
          model.observed += own.observed;
          model.sum += own.sum;
          if (own.gauge >= 0) model.gauges.set(worker, own.gauge);
          unpushed[worker] = { count: 0, observed: 0, sum: 0, gauge: -1 };
        } else {
          merged.gone(worker);
          meters[worker] = new Meter();
          model.gauges.delete(worker);
          unpushed[worker] = { count: 0, observed: 0, sum: 0, gauge: -1 };
        }
      }
      const gauges = [...model.gauges.values()].reduce((sum, each) => sum + each, 0);
      expect((await valueOf(merged, 'sluice_retries_total')) ?? 0).toBe(model.count);
      expect((await valueOf(merged, 'sluice_upstream_duration_seconds_count')) ?? 0).toBe(model.observed);
      expect((await valueOf(merged, 'sluice_upstream_duration_seconds_sum')) ?? 0).toBe(model.sum);
      expect((await valueOf(merged, 'sluice_connections')) ?? 0).toBe(gauges);
    }),
  );
});
