import { expect, test } from 'vitest';
import { readiness } from '../../src/control/readiness.ts';
import type { NodeStatus, Phase } from '../../src/control/readiness.ts';

const CASES: [string, Phase, number[], NodeStatus][] = [
  ['before the start is complete', 'starting', [1, 1], 'starting'],
  ['everyone serves the current generation', 'started', [2, 2], 'ready'],
  ['one worker is ahead of what has settled', 'started', [2, 3], 'ready'],
  ['one worker is being replaced', 'started', [0, 2], 'ready'],
  ['one worker serves an older generation', 'started', [1, 2], 'behind'],
  ['nobody serves', 'started', [0, 0], 'down'],
  ['draining, whatever the workers do', 'draining', [2, 2], 'draining'],
];

test.each(CASES)('%s', (_, phase, generations, status) => {
  const applied = generations.map((generation, slot) => ({ slot, generation }));
  expect(readiness(phase, 2, 2, applied).status).toBe(status);
});

test.each(['probing', 'unread'] as const)(
  '%s: not before that is known, and not while nobody serves',
  (unknown) => {
    const applied = [{ slot: 0, generation: 1 }];
    expect(readiness('started', 1, 1, applied, unknown).status).toBe(unknown);
    expect(readiness('started', 1, 1, [], unknown).status).toBe('down');
  },
);

test('a slot without a worker is told as null', () => {
  expect(readiness('started', 1, 3, [{ slot: 1, generation: 1 }]).workers).toEqual([null, 1, null]);
});
