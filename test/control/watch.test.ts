import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ConfigWatch } from '../../src/control/watch.ts';
import type { WatchReason } from '../../src/control/watch.ts';

const NEVER = 1_000_000;
let folder = '';
let file = '';
let watcher: ConfigWatch | null = null;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-watch-'));
  file = join(folder, 'gateway.yaml');
  writeFileSync(file, 'one');
});

afterEach(() => {
  watcher?.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Watches; `next` resolves with the next reason, `seen` has all of them. */
function watching(files: readonly string[], poll = NEVER) {
  const seen: WatchReason[] = [];
  let tell: (reason: WatchReason) => void = () => {};
  const next = () => new Promise<WatchReason>((resolve) => (tell = resolve));
  watcher = new ConfigWatch(
    files,
    (reason) => {
      seen.push(reason);
      tell(reason);
    },
    { debounce: 50, poll },
  );
  return { seen, next, watcher };
}

function replace(path: string, text: string): void {
  writeFileSync(`${path}.new`, text);
  renameSync(`${path}.new`, path);
}

test('a file written in place', async () => {
  const { next } = watching([file]);
  const changed = next();
  writeFileSync(file, 'two');
  expect(await changed).toBe('file');
});

test('a file replaced by an atomic rename, again and again', async () => {
  const { next } = watching([file]);
  for (const text of ['two', 'three', 'four']) {
    const changed = next();
    replace(file, text);
    expect(await changed).toBe('file');
  }
});

test('a Kubernetes ConfigMap whose ..data link is swapped', async () => {
  const mount = join(folder, 'mount');
  const put = (version: string, text: string) => {
    mkdirSync(join(mount, version), { recursive: true });
    writeFileSync(join(mount, version, 'gateway.yaml'), text);
    symlinkSync(version, join(mount, '..data_tmp'));
    renameSync(join(mount, '..data_tmp'), join(mount, '..data'));
  };
  put('..2026_01', 'one');
  symlinkSync(join('..data', 'gateway.yaml'), join(mount, 'gateway.yaml'));
  const { next } = watching([join(mount, 'gateway.yaml')]);
  for (const version of ['..2026_02', '..2026_03']) {
    const changed = next();
    put(version, version);
    expect(await changed).toBe('file');
  }
});

test('a file that is missing for a moment is news only when it is back with other bytes', async () => {
  const { next, seen } = watching([file]);
  const changed = next();
  rmSync(file);
  await once50ms(join(folder, 'noise'));
  writeFileSync(file, 'two');
  await changed;
  expect(seen).toEqual(['file']);
});

test('the same bytes again, and other files of the folder, are no news', async () => {
  const { next, seen } = watching([file]);
  const changed = next();
  replace(file, 'one');
  writeFileSync(join(folder, 'other.txt'), 'x');
  await once50ms(join(folder, 'noise'));
  replace(file, 'two');
  await changed;
  expect(seen).toEqual(['file']);
});

test('files that the configuration refers to, in other folders too', async () => {
  const keys = join(folder, 'keys');
  mkdirSync(keys);
  writeFileSync(join(keys, 'a.pem'), 'a');
  const { next, watcher } = watching([file]);
  watcher.follow([file, join(keys, 'a.pem')]);
  const changed = next();
  replace(join(keys, 'a.pem'), 'b');
  expect(await changed).toBe('file');
});

test('the poll looks without an event, and finds a folder that was replaced', async () => {
  const { next } = watching([file], 100);
  expect(await next()).toBe('poll');
  renameSync(folder, `${folder}.old`);
  mkdirSync(folder);
  writeFileSync(file, 'one');
  expect(await next()).toBe('poll');
  expect(await next()).toBe('poll');
  const changed = new Promise<void>((resolve) => {
    void (async () => {
      while ((await next()) !== 'file');
      resolve();
    })();
  });
  writeFileSync(file, 'two');
  rmSync(`${folder}.old`, { recursive: true });
  await changed;
});

/** Longer than the debounce, measured by the watcher of another file: no sleep of a guessed length. */
function once50ms(noise: string): Promise<void> {
  writeFileSync(noise, '1');
  return new Promise((resolve) => {
    const other = new ConfigWatch([noise], () => resolve(other.close()), { debounce: 60, poll: NEVER });
    writeFileSync(noise, '2');
  });
}
