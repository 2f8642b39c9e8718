import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Ejector } from '../../src/control/ejection.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }));
afterEach(() => void vi.useRealTimers());

function make(size = 4, maxEjected = 0.5) {
  const told: string[] = [];
  const ejector = new Ejector(
    (upstream) => (upstream === 'u' ? { eject: 1_000, maxEjected, size } : null),
    (id, ms) => told.push(`${id}: ${ms}`),
  );
  return { ejector, told };
}

test('out for the time, then back', () => {
  const { ejector, told } = make();
  ejector.suspect('u a');
  expect([ejector.ejected('u a'), ejector.ejected('u b')]).toEqual([true, false]);
  vi.advanceTimersByTime(999);
  expect(told).toEqual(['u a: 1000']);
  vi.advanceTimersByTime(1);
  expect(told).toEqual(['u a: 1000', 'u a: null']);
  expect(ejector.ejected('u a')).toBe(false);
});

test('several workers suspect the same one: it is ejected once', () => {
  const { ejector, told } = make();
  for (let worker = 0; worker < 4; worker++) ejector.suspect('u a');
  expect(told).toEqual(['u a: 1000']);
});

test('never more than the share, counted by upstream', () => {
  const { ejector, told } = make();
  for (const id of ['u a', 'u b', 'u c', 'u d', 'other a']) ejector.suspect(id);
  expect(told).toEqual(['u a: 1000', 'u b: 1000']);
  const alone = make(1);
  alone.ejector.suspect('u a');
  expect(alone.told).toEqual([]);
});

test('each ejection is longer, up to ten times; time spent inside forgives', () => {
  const { ejector } = make();
  const lengths: number[] = [];
  for (let i = 0; i < 12; i++) {
    ejector.suspect('u a');
    const begun = performance.now();
    while (ejector.ejected('u a')) vi.advanceTimersByTime(100);
    lengths.push(performance.now() - begun);
  }
  expect(lengths.slice(0, 4)).toEqual([1_000, 2_000, 3_000, 4_000]);
  expect(lengths.slice(-3)).toEqual([10_000, 10_000, 10_000]);
  vi.advanceTimersByTime(8_500);
  ejector.suspect('u a');
  const begun = performance.now();
  while (ejector.ejected('u a')) vi.advanceTimersByTime(100);
  expect(performance.now() - begun).toBe(3_000);
});

test('who leaves the configuration is forgotten, and back', () => {
  const { ejector, told } = make();
  ejector.suspect('u a');
  ejector.suspect('u b');
  ejector.retain(new Set(['u b']));
  expect(told.at(-1)).toBe('u a: null');
  expect(vi.getTimerCount()).toBe(1);
  ejector.retain(new Set());
  expect(vi.getTimerCount()).toBe(0);
});
