import { describe, expect, test } from 'vitest';
import { Budget } from '../../src/upstream/budget.ts';
import { Hedge } from '../../src/upstream/hedge.ts';

describe('a budget', () => {
  const takeAll = (budget: Budget, now: number) => {
    let taken = 0;
    while (budget.take(now)) taken++;
    return taken;
  };

  test('is a share of the requests of the last ten seconds', () => {
    const budget = new Budget(0.2, 10);
    for (let i = 0; i < 5_000; i++) budget.note(1_000 + i);
    expect(takeAll(budget, 6_000)).toBe(1_000);
    expect(budget.has(6_000)).toBe(false);
  });

  test('has a floor', () => {
    const budget = new Budget(0.2, 10);
    budget.note(0);
    expect(takeAll(budget, 500)).toBe(100);
    expect(takeAll(budget, 9_500)).toBe(0);
    expect(takeAll(budget, 10_500)).toBe(100);
    expect(takeAll(new Budget(0, 0), 0)).toBe(0);
  });

  test('forgets what was long ago, however long', () => {
    const budget = new Budget(1, 0);
    for (let i = 0; i < 10; i++) budget.note(i);
    expect(budget.has(9_999)).toBe(true);
    expect(budget.has(1e9)).toBe(false);
    budget.note(1e9);
    expect(takeAll(budget, 1e9)).toBe(1);
  });
});

describe('a hedge', () => {
  test('waits a fixed time, or what 95 % of the replies took', () => {
    expect(new Hedge(50, 0.05).afterMs).toBe(50);
    const hedge = new Hedge('p95', 0.05);
    for (let i = 1; i <= 63; i++) hedge.learn(i);
    expect(hedge.afterMs).toBe(Infinity);
    for (let i = 0; i < 257; i++) hedge.learn((i % 100) + 1);
    expect(hedge.afterMs).toBeGreaterThan(90);
    expect(hedge.afterMs).toBeLessThan(100);
  });
});
