import fc from 'fast-check';
import { expect, test } from 'vitest';
import { CodeCounter } from '../../src/observe/code-counter.ts';
import { FAMILIES } from '../../src/observe/families.ts';
import { Meter } from '../../src/observe/metrics.ts';
import { RouteRecorder, TargetRecorder, watchWorker } from '../../src/observe/standard.ts';

test('only what changed is reported, and once', () => {
  const meter = new Meter();
  const retries = meter.counter(FAMILIES.retries, 'users', 'ok');
  meter.counter(FAMILIES.retries, 'idle', 'ok');
  retries.inc();
  retries.add(4);
  expect(meter.deltas()).toEqual([['sluice_retries_total', ['users', 'ok'], [5]]]);
  expect(meter.deltas()).toEqual([]);
  retries.inc();
  expect(meter.deltas()).toEqual([['sluice_retries_total', ['users', 'ok'], [1]]]);
});

test('the same name and labels bound again are the same series', () => {
  const meter = new Meter();
  meter.counter(FAMILIES.retries, 'users', 'ok').inc();
  meter.counter(FAMILIES.retries, 'users', 'ok').inc();
  expect(meter.deltas()).toEqual([['sluice_retries_total', ['users', 'ok'], [2]]]);
});

test('handles stay valid while the meter grows', () => {
  const meter = new Meter();
  const first = meter.counter(FAMILIES.retries, 'first', 'ok');
  const histogram = meter.histogram(FAMILIES.upstreamDuration, 'first');
  const later = Array.from({ length: 500 }, (_, i) => meter.counter(FAMILIES.retries, `u${i}`, 'ok'));
  first.inc();
  histogram.observe(0.003);
  later.at(-1)!.inc();
  const reported = meter.deltas();
  expect(reported.map(([, labels]) => labels[0])).toEqual(['first', 'first', 'u499']);
});

test('a histogram counts a value on a bound into that bucket', () => {
  const meter = new Meter();
  const family = { ...FAMILIES.upstreamDuration, buckets: [1, 2] };
  const histogram = meter.histogram(family, 'users');
  for (const value of [0.5, 1, 1.5, 2, 2.5]) histogram.observe(value);
  expect(meter.deltas()).toEqual([[family.name, ['users'], [2, 2, 1, 7.5]]]);
});

test('gauges report their present value when it changed', () => {
  const meter = new Meter();
  const set = meter.gauge(FAMILIES.configGeneration);
  let connections = 3;
  meter.readGauge(FAMILIES.connections, () => connections);
  set.set(7);
  expect(meter.deltas()).toEqual([
    ['sluice_config_generation', [], [7]],
    ['sluice_connections', [], [3]],
  ]);
  connections = 0;
  expect(meter.deltas()).toEqual([['sluice_connections', [], [0]]]);
});

test('a family is bound as what it is, with as many labels as it has', () => {
  const meter = new Meter();
  expect(() => meter.gauge(FAMILIES.requests, 'r', 'GET', '200')).toThrow('is a counter');
  expect(() => meter.counter(FAMILIES.requests, 'r', 'GET')).toThrow('route, method, code');
});

test('requests are counted by route, known method and status; nothing else becomes a label', () => {
  const meter = new Meter();
  const codes = new CodeCounter(meter, FAMILIES.requests, 'users');
  codes.inc('GET', 200);
  codes.inc('GET', 200);
  codes.inc('GET', 499);
  codes.inc('get', 200);
  codes.inc('EVIL"} 1', 999);
  codes.inc('POST', 99);
  codes.inc('POST', 0.5);
  codes.inc('POST', NaN);
  const counted = new Map(meter.deltas().map(([, labels, [n]]) => [labels.join(' '), n]));
  expect(counted).toEqual(
    new Map([
      ['users GET 200', 2],
      ['users GET 499', 1],
      ['users OTHER 200', 1],
      ['users OTHER OTHER', 1],
      ['users POST OTHER', 3],
    ]),
  );
});

test('any stream of requests makes at most methods times codes series', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.string(), fc.integer()), { maxLength: 200 }), (requests) => {
      const meter = new Meter();
      const codes = new CodeCounter(meter, FAMILIES.requests, 'r');
      for (const [method, status] of requests) codes.inc(method, status);
      const total = meter.deltas().reduce((sum, [, , [n]]) => sum + n!, 0);
      expect(total).toBe(requests.length);
      for (const [, labels] of meter.deltas()) expect(labels[2]).toMatch(/^([1-5]\d\d|OTHER)$/);
    }),
  );
});

test('a route records count, whole time and own share; times that cannot be count as 0', () => {
  const meter = new Meter();
  const route = new RouteRecorder(meter, 'users');
  route.record('GET', 200, 30, 0.4);
  route.record('GET', 200, NaN, -5);
  const [whole, own, requests] = meter.deltas();
  expect(requests).toEqual(['sluice_requests_total', ['users', 'GET', '200'], [2]]);
  expect(whole![2].at(-1)).toBeCloseTo(0.03);
  expect(own![2].at(-1)).toBeCloseTo(0.0004);
});

test('attempts are counted by outcome, later ones as retries too', () => {
  const meter = new Meter();
  const target = new TargetRecorder(meter, 'users', '127.0.0.1:9001');
  target.record(1, 0, 'connect_refused', 2);
  target.record(2, 200, null, 3);
  target.record(1, 503, null, 3);
  target.record(1, 404, null, 3);
  const counted = new Map(meter.deltas().map(([name, labels, [n]]) => [`${name} ${labels.join(' ')}`, n]));
  expect(counted.get('sluice_upstream_requests_total users 127.0.0.1:9001 connect_refused')).toBe(1);
  expect(counted.get('sluice_upstream_requests_total users 127.0.0.1:9001 status_5xx')).toBe(1);
  expect(counted.get('sluice_upstream_requests_total users 127.0.0.1:9001 ok')).toBe(2);
  expect(counted.get('sluice_retries_total users ok')).toBe(1);
  expect(counted.has('sluice_retries_total users connect_refused')).toBe(false);
});

test('a worker tells its requests, connections, lost lines and the lag of its loop', async () => {
  const meter = new Meter();
  let dropped = 2;
  const stop = watchWorker(meter, {
    worker: 4,
    activeRequests: () => 5,
    connections: () => 6,
    droppedLines: () => dropped,
  });
  const first = new Map(meter.deltas().map(([name, , [value]]) => [name, value]));
  expect(first.get('sluice_active_requests')).toBe(5);
  expect(first.get('sluice_connections')).toBe(6);
  expect(first.get('sluice_log_lines_dropped_total')).toBe(2);
  dropped = 5;
  let lag = 0;
  // Blocks the loop again and again until the sampler has seen it.
  while (lag < 0.05) {
    await new Promise((resolve) => setTimeout(resolve, 25));
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 120);
    await new Promise((resolve) => setTimeout(resolve, 25));
    const report = meter.deltas();
    lag = report.find(([name]) => name === 'sluice_event_loop_lag_seconds')?.[2][0] ?? 0;
    const lost = report.find(([name]) => name === 'sluice_log_lines_dropped_total');
    if (lost !== undefined) expect(lost[2]).toEqual([3]);
  }
  stop();
  expect(lag).toBeLessThan(5);
});
