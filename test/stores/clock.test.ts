import { expect, test, vi } from 'vitest';
import { clockFrom } from '../../src/stores/clock.ts';

test('the clock does not follow the time of day', () => {
  const now = clockFrom(process.hrtime()[0]);
  const before = now();
  vi.useFakeTimers({ now: new Date('1999-01-01'), toFake: ['Date'] });
  const after = now();
  vi.useRealTimers();
  expect(after).toBeGreaterThanOrEqual(before);
  expect(after - before).toBeLessThan(60e9);
});

test('it counts nanoseconds that never go back', () => {
  const now = clockFrom(process.hrtime()[0]);
  let last = now();
  expect(last).toBeLessThan(2e9);
  for (let i = 0; i < 10_000; i++) {
    const next = now();
    expect(next >= last && Number.isInteger(next)).toBe(true);
    last = next;
  }
});
