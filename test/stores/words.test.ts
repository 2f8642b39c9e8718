import { expect, test } from 'vitest';
import { PrivateWords, WordDirectory } from '../../src/stores/words.ts';
import { MB, ownMemory } from './memory.ts';

const never = () => {
  throw new Error('full');
};

test.each([
  ['shared', () => new WordDirectory(ownMemory(), never)],
  ['private', () => new PrivateWords()],
])('%s words: zero at first, then always the same ones for an identity', (_, make) => {
  const directory = make();
  const words = directory.words('breaker u 1');
  expect([...words]).toEqual(Array(8).fill(0n));
  Atomics.add(words, 7, 5n);
  expect(directory.words('breaker u 1')[7]).toBe(5n);
  expect(directory.words('breaker u 2')[7]).toBe(0n);
});

test('another process of the same node finds the same words', () => {
  const memory = ownMemory();
  const [one, other] = [new WordDirectory(memory, never), new WordDirectory(memory, never)];
  for (let i = 0; i < 200; i++) one.words(`id ${i}`)[0] = BigInt(i);
  for (let i = 199; i >= 0; i--) expect(other.words(`id ${i}`)[0]).toBe(BigInt(i));
});

test('beyond its places an identity gets words of its own, and somebody is told', () => {
  const memory = ownMemory(MB);
  let told = 0;
  const directory = new WordDirectory(memory, () => told++);
  const { wordCount } = memory.layout;
  for (let i = 0; i < wordCount; i++) directory.words(`id ${i}`);
  expect(told).toBe(0);
  const words = directory.words('one more');
  expect(told).toBe(1);
  words[0] = 9n;
  expect(directory.words('one more')[0]).toBe(9n);
  expect(directory.words('id 3')[0]).toBe(0n);
});
