import { closeSync, fstatSync, openSync, readdirSync, writeSync } from 'node:fs';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join as pathOf } from 'node:path';
import { expect, test } from 'vitest';
import { layoutOf } from '../../src/stores/layout.ts';
import { create, join } from '../../src/stores/shared-memory.ts';
import { atEnd } from '../support/cleanup.ts';
import { MB, ownMemory } from './memory.ts';

function folder(): string {
  const path = mkdtempSync(pathOf(tmpdir(), 'sluice-memory-'));
  atEnd(() => rmSync(path, { recursive: true }));
  return path;
}

test('what one mapping writes another one reads', () => {
  const { fd, memory } = create([folder()], MB, 4);
  const other = join(fd, MB);
  expect(other).toMatchObject({ workers: 4, seed: memory.seed, epoch: memory.epoch, layout: memory.layout });
  Atomics.store(memory.int64, 100_000, 77n);
  expect(Atomics.load(other.int64, 100_000)).toBe(77n);
  expect(() => fstatSync(fd)).toThrow('EBADF');
});

test('the file is private, has every block, and leaves no name behind', () => {
  const path = folder();
  const { fd } = create([path], MB, 1);
  atEnd(() => closeSync(fd));
  expect(readdirSync(path)).toEqual([]);
  const { mode, blocks, nlink, size } = fstatSync(fd);
  expect({ mode: mode & 0o777, nlink, size }).toEqual({ mode: 0o600, nlink: 0, size: MB });
  expect(blocks * 512).toBeGreaterThanOrEqual(MB);
});

test('a folder that cannot be used gives way to the next one', () => {
  const path = folder();
  const { fd } = create(['/nowhere/at/all', path], MB, 1);
  closeSync(fd);
  expect(() => create(['/nowhere/at/all', '/proc'], MB, 1)).toThrow(/nowhere.*ENOENT.*; \/proc: /);
});

test('what is no such memory, or of another length, is refused', () => {
  const { fd } = create([folder()], MB, 1);
  expect(() => join(fd, MB / 2)).toThrow('another version');
  const foreign = openSync(pathOf(folder(), 'foreign'), 'wx+');
  writeSync(foreign, Buffer.alloc(MB));
  expect(() => join(foreign, MB)).toThrow('another version');
});

test('every node has a seed of its own', () => {
  expect(ownMemory().seed).not.toEqual(ownMemory().seed);
});

test.each([
  [MB, 1],
  [16 * MB, 2],
  [16 * MB, 256],
  [1024 * MB, 64],
])('regions of %i bytes for %i workers are aligned and do not overlap', (length, workers) => {
  const at = layoutOf(length, workers);
  const ends = [
    [4096, at.locks],
    [at.locks + 4 * 1024, at.wordKeys],
    [at.wordKeys + 8 * at.wordCount, at.words],
    [at.words + 64 * at.wordCount, at.records],
    [at.records + at.recordSize * at.recordCount, at.slots],
    [at.slots + 32 * at.slotCount, length],
  ];
  for (const [end, next] of ends) expect(end).toBeLessThanOrEqual(next!);
  for (const start of [at.words, at.records, at.slots]) expect(start % 64).toBe(0);
  expect(at.recordSize).toBeGreaterThanOrEqual(16 + 4 * workers);
  expect(Math.min(at.wordCount, at.recordCount, at.slotCount)).toBeGreaterThan(100);
});
