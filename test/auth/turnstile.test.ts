import { expect, test } from 'vitest';
import { Turnstile } from '../../src/auth/turnstile.ts';

/** Resolves in the next turn of the loop. */
const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('a few pass at once, the others in order, so many in a turn', async () => {
  const turnstile = new Turnstile();
  const passed: number[] = [];
  const waits = Array.from({ length: 100 }, async (_, i) => {
    const turn = turnstile.enter();
    if (turn !== null && turn !== false) await turn;
    passed.push(i);
  });
  const counts = [];
  while (passed.length < 100) {
    counts.push(passed.length);
    await nextTurn();
  }
  await Promise.all(waits);
  expect(passed).toEqual(Array.from({ length: 100 }, (_, i) => i));
  expect(counts).toEqual([32, 64, 96]);
});

test('who comes while others wait does not overtake them', async () => {
  const turnstile = new Turnstile();
  const order: string[] = [];
  const come = async (name: string) => {
    const turn = turnstile.enter();
    if (turn !== null && turn !== false) await turn;
    order.push(name);
  };
  const early = Array.from({ length: 40 }, () => come('early'));
  const late = nextTurn().then(() => Promise.all(Array.from({ length: 40 }, () => come('late'))));
  await Promise.all([...early, late]);
  expect(order.lastIndexOf('early')).toBeLessThan(order.indexOf('late'));
});

test('when too many wait the next is turned away, and later ones are let in again', async () => {
  const turnstile = new Turnstile();
  const turns = Array.from({ length: 5000 }, () => turnstile.enter());
  expect(turns.filter((turn) => turn === false)).toHaveLength(5000 - 32 - 4096);
  await Promise.all(turns.filter((turn) => turn instanceof Promise));
  await nextTurn();
  expect(turnstile.enter()).toBe(null);
});
