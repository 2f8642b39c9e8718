import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  constants,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';

const WRITER = join(import.meta.dirname, 'writer.mjs');

let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'sluice-output-'))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** A pipe whose read end is ours and is read only when the test says so. */
function makePipe() {
  const path = join(folder, 'pipe');
  execFileSync('mkfifo', [path]);
  const readEnd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const writeEnd = openSync(path, constants.O_WRONLY);
  return { readEnd, writeEnd };
}

/** What is in the pipe now; null = every writer has closed it. */
function readSome(readEnd: number, buffer: Buffer): string | null {
  try {
    const bytes = readSync(readEnd, buffer);
    return bytes === 0 ? null : buffer.toString('latin1', 0, bytes);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
    return '';
  }
}

interface Writer {
  readonly child: ChildProcess;
  /** Exit code, and what the writer reported. */
  readonly ended: Promise<{ code: number | null; dropped: number; longestMs: number }>;
}

function startWriter(stdout: number, ...args: readonly (string | number)[]): Writer {
  const child = spawn(process.execPath, [WRITER, ...args.map(String)], { stdio: ['ignore', stdout, 'pipe'] });
  let report = '';
  child.stderr!.on('data', (chunk: Buffer) => (report += chunk.toString()));
  const ended = once(child, 'close').then(([code]) => {
    if (!report.startsWith('{')) throw new Error(`writer failed: ${report}`);
    const { dropped, longestMs } = JSON.parse(report) as { dropped: number; longestMs: number };
    return { code: code as number | null, dropped, longestMs };
  });
  return { child, ended };
}

interface Line {
  readonly msg: string;
  readonly request_id: string;
  readonly bytes_out: number;
}

const parseLines = (text: string): Line[] =>
  text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Line);

/** The requests of one writer, in the order in which they came. */
const requestsOf = (lines: readonly Line[], name: string): number[] =>
  lines.filter((line) => line.msg === 'request' && line.request_id === name).map((line) => line.bytes_out);

test('two processes on one pipe with a slow reader: every line is whole and in order', async () => {
  const { readEnd, writeEnd } = makePipe();
  const writers = ['one', 'two'].map((name) => startWriter(writeEnd, name, 3000, 20, 'drain'));
  closeSync(writeEnd);
  const buffer = Buffer.alloc(3001);
  let text = '';
  for (let some = readSome(readEnd, buffer); some !== null; some = readSome(readEnd, buffer)) {
    text += some;
    await turn();
  }
  closeSync(readEnd);
  const lines = parseLines(text);
  expect(text.endsWith('\n')).toBe(true);
  const reports = await Promise.all(writers.map(({ ended }) => ended));
  const expected = Array.from({ length: 3000 }, (_, i) => i);
  for (const [i, name] of ['one', 'two'].entries()) {
    expect(reports[i]).toMatchObject({ code: 0, dropped: 0 });
    expect(requestsOf(lines, name)).toEqual(expected);
    expect(lines.filter(({ msg }) => msg === `event of ${name}`)).toHaveLength(60);
  }
});

test('a reader that does not read costs lines, not the loop, the memory or the end of the process', async () => {
  const { readEnd, writeEnd } = makePipe();
  const writer = startWriter(writeEnd, 'one', 20_000, 100, 'end');
  closeSync(writeEnd);
  // Nothing is read until the writer has ended by itself.
  const { code, dropped, longestMs } = await writer.ended;
  expect(code).toBe(0);
  expect(dropped).toBeGreaterThan(10_000);
  expect(dropped).toBeLessThan(20_000);
  expect(longestMs).toBeLessThan(5000);
  const buffer = Buffer.alloc(65_536);
  let text = '';
  for (let some = readSome(readEnd, buffer); some !== null; some = readSome(readEnd, buffer)) text += some;
  closeSync(readEnd);
  expect(parseLines(text).length).toBeGreaterThan(50);
});

test('a reader that goes away does not end the process', async () => {
  const { readEnd, writeEnd } = makePipe();
  const writer = startWriter(writeEnd, 'one', 5000, 10, 'stay');
  closeSync(writeEnd);
  const buffer = Buffer.alloc(4096);
  let text = '';
  while (text === '') {
    text += readSome(readEnd, buffer) ?? '';
    await turn();
  }
  closeSync(readEnd);
  const { code, dropped } = await writer.ended;
  expect(code).toBe(0);
  expect(dropped).toBeGreaterThan(0);
});

test('a socket instead of a pipe works the same way', async () => {
  const child = spawn(process.execPath, [WRITER, 'one', '2000', '50', 'drain'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
  const [code] = (await once(child, 'close')) as [number];
  expect(code).toBe(0);
  expect(requestsOf(parseLines(text), 'one')).toHaveLength(2000);
});

test.each(['drain', 'end'])(
  'two processes on one file, ended by %s: nothing is lost or torn',
  async (how) => {
    const path = join(folder, 'access.log');
    const file = openSync(path, 'a');
    const writers = ['one', 'two'].map((name) => startWriter(file, name, 2000, 50, how));
    closeSync(file);
    const reports = await Promise.all(writers.map(({ ended }) => ended));
    expect(reports.map(({ code, dropped }) => [code, dropped])).toEqual([
      [0, 0],
      [0, 0],
    ]);
    expect(statSync(path).size).toBeGreaterThan(1_000_000);
    const lines = parseLines(readFileSync(path, 'latin1'));
    for (const name of ['one', 'two']) expect(new Set(requestsOf(lines, name)).size).toBe(2000);
  },
);

test('a full disk costs lines and nothing else', async () => {
  const full = openSync('/dev/full', 'w');
  const writer = startWriter(full, 'one', 1000, 10, 'stay');
  closeSync(full);
  const { code, dropped } = await writer.ended;
  expect(code).toBe(0);
  expect(dropped).toBeGreaterThan(1000);
});

test('a line does not wait long for others', async () => {
  const { readEnd, writeEnd } = makePipe();
  const { Output } = await import('../../src/observe/output.ts');
  const output = new Output(writeEnd);
  const startedAt = performance.now();
  output.write('{"msg":"alone"}\n');
  const buffer = Buffer.alloc(4096);
  let text = '';
  while (text === '') {
    await turn();
    text = readSome(readEnd, buffer) ?? '';
  }
  expect(text).toBe('{"msg":"alone"}\n');
  expect(performance.now() - startedAt).toBeLessThan(5000);
  output.end();
  output.write('{"msg":"too late"}\n');
  expect(output.dropped).toBe(1);
  closeSync(readEnd);
  closeSync(writeEnd);
});
