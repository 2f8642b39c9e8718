import { expect, test } from 'vitest';
import { NameSet } from '../../src/lib/name-set.ts';
import { CLAIM, CONNECTION, DROP, fieldOf, HOST, PASS } from '../../src/pipeline/field-kind.ts';

test('a field is known by its name', () => {
  for (const [name, kind] of [
    ['host', HOST],
    ['accept', PASS],
    ['accept', PASS],
    ['host', HOST],
    ['connection', CONNECTION],
    ['x-forwarded-for', CLAIM],
    ['x_forwarded_for', DROP],
    ['te', DROP],
  ] as const)
    expect(fieldOf(name)).toMatchObject({ name, kind });
});

test('whether it is among certain names is told for each set of them', () => {
  const one = new NameSet(['x-user-id']);
  const other = new NameSet(['accept']);
  for (let turn = 0; turn < 3; turn++) {
    expect(fieldOf('x_user_id').isAmong(one)).toBe(true);
    expect(fieldOf('x_user_id').isAmong(other)).toBe(false);
    expect(fieldOf('accept').isAmong(other)).toBe(true);
    expect(fieldOf('accept').isAmong(one)).toBe(false);
  }
});

test('endless variety is answered right, and not kept', () => {
  const before = process.memoryUsage().heapUsed;
  for (let i = 0; i < 100_000; i++) {
    const name = `x-${i}-${'y'.repeat(i % 200)}`;
    expect(fieldOf(name).kind === PASS && fieldOf('host').kind === HOST).toBe(true);
  }
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(40_000_000);
});

test('of a long name nothing is made to find it by: a client may send a new one with every request', () => {
  expect(fieldOf('q'.repeat(64)).start.length).toBe(66);
  for (const length of [65, 8_000]) expect(fieldOf('q'.repeat(length)).start.length).toBe(0);
});
