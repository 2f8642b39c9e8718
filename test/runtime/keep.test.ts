import { expect, test } from 'vitest';
import { Keep } from '../../src/runtime/keep.ts';

test('what is claimed twice is made once and closed by the last release', () => {
  const keep = new Keep();
  const events: string[] = [];
  const make = (name: string) => () => {
    events.push(`made ${name}`);
    return { name, close: () => events.push(`closed ${name}`) };
  };
  const first = keep.use('pool', 'a', make('a'));
  expect(keep.use('pool', 'a', make('again'))).toBe(first);
  keep.use('pool', 'b', make('b'));
  keep.use('other', 'a', make('c'));
  expect(keep.size).toBe(3);
  keep.release('pool', 'a');
  expect(events).toEqual(['made a', 'made b', 'made c']);
  keep.release('pool', 'a');
  keep.release('pool', 'a');
  keep.release('pool', 'unknown');
  expect(events).toEqual(['made a', 'made b', 'made c', 'closed a']);
  expect(keep.size).toBe(2);
  keep.use('pool', 'a', make('a anew'));
  expect(events.at(-1)).toBe('made a anew');
});
