import { expect, test } from 'vitest';
import { hold } from '../../src/lib/turn.ts';

const turn = () => new Promise((resolve) => setImmediate(resolve));

test('what is held is flushed at the end of the turn, in order; what is held by then, at the end of the next', async () => {
  const flushed: string[] = [];
  const named = (name: string) => ({ flush: () => void flushed.push(name) });
  hold(named('a'));
  hold({
    flush() {
      flushed.push('b');
      hold(named('next'));
    },
  });
  hold(named('c'));
  await Promise.resolve();
  expect(flushed).toEqual([]);
  await turn();
  expect(flushed).toEqual(['a', 'b', 'c']);
  await turn();
  expect(flushed).toEqual(['a', 'b', 'c', 'next']);
});
