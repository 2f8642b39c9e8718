import { expect, test } from 'vitest';
import type { Fact } from '../../src/contracts/facts.ts';
import { FactBoard } from '../../src/ipc/facts.ts';

const fact = (kind: string, id: string, value: unknown) => ({ kind, id, value }) as unknown as Fact;

test('remembers the newest value of each kind and id, and forgets on null', () => {
  const board = new FactBoard(() => {});
  board.keep(fact('health', 'a', 1));
  board.keep(fact('health', 'a', 2));
  board.keep(fact('health', 'b', 3));
  board.keep(fact('health', 'b', null));
  expect([...board.known()]).toEqual([fact('health', 'a', 2)]);
});

test('tells the other end, and hears it until told to stop', () => {
  const sent: Fact[] = [];
  const heard: unknown[] = [];
  const board = new FactBoard((each) => sent.push(each));
  board.tell('health' as never, 'a', 1 as never);
  const stop = board.on('health' as never, (id, value) => heard.push([id, value]));
  board.hear(fact('health', 'a', 2));
  board.hear(fact('other', 'a', 2));
  stop();
  board.hear(fact('health', 'a', 3));
  expect(sent).toEqual([fact('health', 'a', 1)]);
  expect(heard).toEqual([['a', 2]]);
});
