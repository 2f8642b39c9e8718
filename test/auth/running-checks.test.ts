import fc from 'fast-check';
import { expect, test } from 'vitest';
import { RunningChecks } from '../../src/auth/running-checks.ts';

const settled = Promise.resolve(null);

/** Digests that share places: three ends for all of them. */
const digests = fc.tuple(fc.nat(7), fc.constantFrom('000', '7ff', 'fff')).map(([n, end]) => `${n}${end}`);

test('does what a Map does', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.boolean(), digests)), (steps) => {
      const running = new RunningChecks();
      const model = new Map<string, Promise<null>>();
      for (const [begins, digest] of steps) {
        expect(running.find(digest)).toBe(model.get(digest) ?? null);
        if (!begins) {
          running.remove(digest);
          model.delete(digest);
        } else if (!model.has(digest)) {
          const verdict = settled.then(() => null);
          running.add(digest, verdict);
          model.set(digest, verdict);
        }
      }
      for (const [digest, verdict] of model) expect(running.find(digest)).toBe(verdict);
    }),
  );
});
