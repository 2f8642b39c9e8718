import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Timer, Wheel } from '../../src/lib/wheel.ts';

const TICK = 10;
/** Milliseconds of one round of the wheel. */
const ROUND = 512 * TICK;

let now = 0;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] });
  vi.advanceTimersByTime(12_345);
  now = performance.now();
});

afterEach(() => {
  vi.useRealTimers();
});

function made(onTimer: () => void = () => undefined) {
  const fired: number[] = [];
  const timer = new Timer({
    onTimer() {
      fired.push(now);
      onTimer();
    },
  });
  return { timer, fired };
}

const advance = (wheel: Wheel, to: number) => {
  now = to;
  wheel.advance(now);
};

describe('a timer', () => {
  test.each([0, 1, 9, 10, 11, 999, ROUND - 1, ROUND, ROUND + 1, 3 * ROUND + 7])(
    'of %i ms fires once, never early and at most a tick late',
    (ms) => {
      const wheel = new Wheel(TICK);
      const { timer, fired } = made();
      const begun = now;
      wheel.arm(timer, ms, now);
      while (now < begun + ms + 3 * TICK) {
        advance(wheel, now + 1);
        if (now < begun + ms) expect(fired).toEqual([]);
      }
      expect(fired).toHaveLength(1);
      expect(fired[0]! - (begun + ms)).toBeLessThanOrEqual(TICK);
      expect(wheel.size).toBe(0);
    },
  );

  test('armed about fires at most a tick early or late', () => {
    for (const ms of [0, 9, 10, 999, ROUND + 1]) {
      const wheel = new Wheel(TICK);
      const other = made();
      wheel.arm(other.timer, 3 * ROUND, now);
      advance(wheel, now + 7);
      const { timer, fired } = made();
      const begun = now;
      wheel.armAbout(timer, ms);
      while (now < begun + ms + 3 * TICK) advance(wheel, now + 1);
      expect(fired).toHaveLength(1);
      expect(Math.abs(fired[0]! - (begun + ms))).toBeLessThanOrEqual(TICK);
      wheel.cancel(other.timer);
    }
  });

  test('armed again, later or sooner, fires at its last deadline', () => {
    for (const ms of [300, 20]) {
      const wheel = new Wheel(TICK);
      const { timer, fired } = made();
      const begun = now;
      wheel.arm(timer, 100, now);
      wheel.arm(timer, ms, now);
      expect(wheel.size).toBe(1);
      while (now < begun + 400) advance(wheel, now + 1);
      expect(fired).toHaveLength(1);
      expect(fired[0]).toBeGreaterThanOrEqual(begun + ms);
      expect(fired[0]).toBeLessThanOrEqual(begun + ms + TICK);
    }
  });

  test('that is cancelled does not fire, also when another one of its moment cancels it', () => {
    const wheel = new Wheel(TICK);
    const second = made();
    const first = made(() => wheel.cancel(second.timer));
    const third = made(() => wheel.cancel(first.timer));
    // Whichever of two comes first cancels the other.
    second.timer.owner.onTimer = () => {
      second.fired.push(now);
      wheel.cancel(first.timer);
    };
    wheel.arm(first.timer, 50, now);
    wheel.arm(second.timer, 50, now);
    wheel.arm(third.timer, 20, now);
    wheel.cancel(third.timer);
    wheel.cancel(third.timer);
    for (let i = 0; i < 100; i++) advance(wheel, now + 1);
    expect(first.fired.length + second.fired.length).toBe(1);
    expect(third.fired).toEqual([]);
  });

  test('may arm itself, and others of its moment, in its callback', () => {
    const wheel = new Wheel(TICK);
    let left = 3;
    const again = made(() => {
      if (--left > 0) wheel.arm(again.timer, 30, now);
    });
    const begun = now;
    wheel.arm(again.timer, 30, now);
    for (let i = 0; i < 300; i++) advance(wheel, now + 1);
    expect(again.fired).toHaveLength(3);
    again.fired.forEach((at, i) => {
      expect(at).toBeGreaterThanOrEqual(begun + (i + 1) * 30);
      expect(at).toBeLessThanOrEqual(begun + (i + 1) * (30 + TICK));
    });
  });

  test('armed anew by another of its moment waits for its new deadline', () => {
    const wheel = new Wheel(TICK);
    const b = made();
    const a = made(() => wheel.arm(b.timer, 100, now));
    wheel.arm(b.timer, 20, now);
    wheel.arm(a.timer, 20, now);
    const begun = now;
    for (let i = 0; i < 60; i++) advance(wheel, now + 1);
    // It fired at its own time, or was moved before it could: never both at once.
    const early = b.fired.length;
    expect(early).toBeLessThanOrEqual(1);
    for (let i = 0; i < 200; i++) advance(wheel, now + 1);
    expect(b.fired.length).toBe(early + 1);
    expect(b.fired.at(-1)).toBeGreaterThanOrEqual(begun + 120);
  });
});

test('a loop that was blocked for several rounds misses nothing', () => {
  const wheel = new Wheel(TICK);
  const timers = [5, 100, ROUND, 2 * ROUND, 9 * ROUND].map((ms) => {
    const each = made();
    wheel.arm(each.timer, ms, now);
    return each;
  });
  advance(wheel, now + 5 * ROUND);
  expect(timers.map(({ fired }) => fired.length)).toEqual([1, 1, 1, 1, 0]);
  expect(wheel.size).toBe(1);
});

test('it runs by itself, and only while there is something to wait for', () => {
  const wheel = new Wheel(TICK);
  const { timer, fired } = made();
  wheel.arm(timer, 55, performance.now());
  expect(vi.getTimerCount()).toBe(1);
  vi.advanceTimersByTime(55 + 2 * TICK);
  expect(fired).toHaveLength(1);
  expect(vi.getTimerCount()).toBe(0);
});

interface Step {
  readonly after: number;
  readonly which: number;
  /** -1 = cancel. */
  readonly ms: number;
}

test('behaves like a sorted list of deadlines', () => {
  const step = fc.record<Step>({
    after: fc.integer({ min: 0, max: 60 }),
    which: fc.integer({ min: 0, max: 4 }),
    ms: fc.oneof(fc.constant(-1), fc.integer({ min: 0, max: 200 }), fc.integer({ min: 0, max: 2 * ROUND })),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const wheel = new Wheel(TICK);
      const deadlines = new Map<number, number>();
      const timers = Array.from({ length: 5 }, (_, which) =>
        made(() => {
          const deadline = deadlines.get(which);
          expect(deadline).toBeDefined();
          expect(now).toBeGreaterThanOrEqual(deadline!);
          deadlines.delete(which);
        }),
      );
      const walk = (to: number) => {
        while (now < to) {
          advance(wheel, now + 1);
          for (const deadline of deadlines.values()) expect(now - deadline).toBeLessThanOrEqual(TICK);
        }
      };
      for (const { after, which, ms } of steps) {
        walk(now + after);
        if (ms < 0) {
          wheel.cancel(timers[which]!.timer);
          deadlines.delete(which);
        } else {
          wheel.arm(timers[which]!.timer, ms, now);
          deadlines.set(which, now + ms);
        }
        expect(wheel.size).toBe(deadlines.size);
      }
      walk(now + 2 * ROUND + 2 * TICK);
      expect(wheel.size).toBe(0);
    }),
    { numRuns: 50 },
  );
});
