import { expect, test } from 'vitest';
import { CLAIM, CONNECTION, DROP, fieldAt, HOST, PASS } from '../../src/pipeline/field-kind.ts';

test('a field is known by its name, wherever it stands', () => {
  for (const [at, name, kind] of [
    [0, 'host', HOST],
    [2, 'accept', PASS],
    [0, 'accept', PASS],
    [2, 'host', HOST],
    [4, 'connection', CONNECTION],
    [40, 'x-forwarded-for', CLAIM],
    [4, 'x_forwarded_for', DROP],
    [4, 'te', DROP],
  ] as const)
    expect(fieldAt(at, name)).toEqual({ name, kind });
});

test('requests in turn that differ in every place are told apart', () => {
  const names = ['host', 'accept', 'te', 'cookie', 'connection', 'x-real-ip'];
  for (let turn = 0; turn < 50; turn++)
    for (let i = 0; i < names.length; i++) {
      const name = names[(i + turn) % names.length]!;
      expect(fieldAt(i * 2, name).name).toBe(name);
    }
});

test('endless variety is answered right, and not kept', () => {
  const before = process.memoryUsage().heapUsed;
  for (let i = 0; i < 100_000; i++) {
    const name = `x-${i}-${'y'.repeat(i % 200)}`;
    expect(fieldAt((i % 50) * 2, name).kind === PASS && fieldAt(0, 'host').kind === HOST).toBe(true);
  }
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(40_000_000);
});
