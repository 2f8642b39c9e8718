import { describe, expect, test } from 'vitest';
import type { Records, StoredRecord } from '../../src/contracts/records.ts';

const record = (value: unknown): StoredRecord => ({ value: { is: value }, expires: null });

/** What every home of records promises. `again` opens it as a restart would, or is null where a restart forgets. */
export function recordsSuite(
  name: string,
  open: () => Promise<{ records: Records; again: (() => Promise<Records>) | null }>,
): void {
  describe(`records in ${name}`, () => {
    test('what was put is there, what was removed is not, what has expired is not', async () => {
      const { records } = await open();
      await records.put('sessions', 'a', record(1));
      await records.put('sessions', 'b', record(2));
      await records.put('sessions', 'c', { value: 3, expires: Date.now() - 1 });
      await records.remove('sessions', 'b');
      expect([...(await records.load('sessions'))]).toEqual([['a', record(1)]]);
      expect((await records.load('consumers')).size).toBe(0);
    });

    test('an exchange needs what it expects', async () => {
      const { records } = await open();
      const is = async () => (await records.load('consumers')).get('a')?.value ?? null;
      expect(await records.exchange('consumers', 'a', 'any', record(1))).toBe(false);
      expect(await records.exchange('consumers', 'a', record(0), record(1))).toBe(false);
      expect(await is()).toBeNull();
      expect(await records.exchange('consumers', 'a', null, record(1))).toBe(true);
      expect(await records.exchange('consumers', 'a', null, record(2))).toBe(false);
      expect(await is()).toEqual({ is: 1 });
      expect(await records.exchange('consumers', 'a', record(1), record(2))).toBe(true);
      expect(await records.exchange('consumers', 'a', 'any', record(3))).toBe(true);
      expect(await records.exchange('consumers', 'a', record(1), null)).toBe(false);
      expect(await is()).toEqual({ is: 3 });
      // As it was read, it is what is there.
      const [read] = [...(await records.load('consumers')).values()];
      expect(await records.exchange('consumers', 'a', read!, null)).toBe(true);
      expect(await is()).toBeNull();
    });

    test('of many exchanges at once one is made', async () => {
      const { records } = await open();
      await records.put('consumers', 'a', record('first'));
      const made = await Promise.all(
        [1, 2, 3, 4, 5].map((n) => records.exchange('consumers', 'a', record('first'), record(n))),
      );
      expect(made.filter(Boolean)).toHaveLength(1);
    });

    test('what is removed while it is exchanged stays removed', async () => {
      const { records, again } = await open();
      for (let i = 0; i < 50; i++) {
        const id = String(i);
        await records.put('sessions', id, record('begun'));
        const work = [
          () => records.remove('sessions', id),
          () => records.exchange('sessions', id, 'any', record('used')),
          () => records.exchange('sessions', id, 'any', record('used again')),
        ];
        // In every order.
        await Promise.all([...work.slice(i % 3), ...work.slice(0, i % 3)].map((each) => each()));
      }
      expect((await records.load('sessions')).size).toBe(0);
      if (again !== null) expect((await (await again()).load('sessions')).size).toBe(0);
    });
  });
}
