import fc from 'fast-check';
import { expect, test } from 'vitest';
import { load } from './modules.ts';

const { cells, difference, growth, median, percentile, ratio, summarise, table } = await load('report');

const run = (cpuPerRequest: number, more = {}) => ({
  cpuPerRequest,
  perSecond: 100,
  p50: 1,
  p99: 2,
  p999: 3,
  ...more,
});

test('a median has as many numbers below it as above', () => {
  expect(median([3, 1, 2])).toBe(2);
  expect(median([4, 1, 3, 2])).toBe(2.5);
  fc.assert(
    fc.property(fc.array(fc.integer(), { minLength: 1 }), (numbers) => {
      const middle = median(numbers);
      const below = numbers.filter((n) => n < middle).length;
      const above = numbers.filter((n) => n > middle).length;
      return below <= numbers.length / 2 && above <= numbers.length / 2;
    }),
  );
});

test('a percentile is one of the numbers, and that part of them is not above it', () => {
  const hundred = Array.from({ length: 100 }, (_, i) => 100 - i);
  expect([50, 99, 99.9, 100].map((p) => percentile(hundred, p))).toEqual([50, 99, 100, 100]);
  expect(percentile([7], 50)).toBe(7);
});

test('a difference is taken within each round, and is of those who took part', () => {
  const rounds = [
    { sluice: run(20), limited: run(21) },
    { sluice: run(90), limited: run(93) },
    { sluice: run(33), limited: run(35) },
  ];
  expect(difference(rounds, 'limited', 'sluice')).toEqual({ median: 2, least: 1, most: 3 });
  expect(difference(rounds, 'limited', 'nginx')).toBeUndefined();
  expect(difference([], 'limited', 'sluice')).toBeUndefined();
});

test('a ratio is taken within each round, so a slow round of all does not tell', () => {
  const rounds = [
    { sluice: run(20), nginx: run(10) },
    { sluice: run(90), nginx: run(45) },
    { sluice: run(33), nginx: run(11) },
  ];
  expect(ratio(rounds, 'sluice', 'nginx')).toEqual({ median: 2, least: 2, most: 3 });
  expect(ratio(rounds, 'sluice', 'caddy')).toBeUndefined();
  expect(ratio([], 'sluice', 'nginx')).toBeUndefined();
});

test('a summary has medians of each column, and the ratio to nginx or to whom is told', () => {
  const rounds = [
    { one: run(10, { p99: 4 }), two: run(15, { p99: 6 }), nginx: run(5) },
    { one: run(12, { p99: 5 }), two: run(24, { p99: 9 }), nginx: run(6) },
    { one: run(11, { p99: 6 }), two: run(22, { p99: 9 }), nginx: run(5.5) },
  ];
  const [one, two] = summarise(rounds, { two: 'one' });
  expect(one).toMatchObject({ name: 'one', cpuPerRequest: 11, p99: 5, ratio: 2 });
  expect(two).toMatchObject({ name: 'two', cpuPerRequest: 22, ratio: 2, ratioLeast: 1.5, ratioMost: 2 });
  expect(summarise(rounds, {}, 'p99')[0]).toMatchObject({ name: 'one', ratio: 2.5 });
});

test('growth is a slope a minute that neither the warm-up nor an outlier changes', () => {
  const samples = Array.from({ length: 60 }, (_, i) => ({ seconds: i * 2, value: 100 + i / 10 }));
  expect(growth(samples)).toBeCloseTo(3);
  const disturbed = samples.map((sample, i) => (i < 20 || i === 40 ? { ...sample, value: i * 50 } : sample));
  expect(growth(disturbed)).toBeCloseTo(3);
  expect(growth([])).toBeNaN();
});

test('a table has a row for each, and says who was not measured and why', () => {
  const summary = summarise([{ sluice: run(20), nginx: run(10) }]);
  const missing = [{ name: 'caddy', why: 'it does not listen' }];
  const text = table('S1', { kind: 'load', summary, missing, notes: ['mind this'] });
  expect(text).toMatch(/^ {2}sluice +20\.0 +2\.00 /m);
  expect(text).toMatch(/caddy +not measured: it does not listen/);
  expect(text).toMatch(/mind this$/);
});

test('what was not measured is a dash, never a number', () => {
  expect(cells('idle', { name: 'x', worker: 1, all: NaN })).toEqual(['1.0', '-', '-', '-', '-']);
});
