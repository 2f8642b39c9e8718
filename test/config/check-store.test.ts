import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { loadText } from '../../src/config/load.ts';
import { mistakesOf, run } from './cases.ts';

/** One line; what is inside of the braces begins at 2:10. */
const store = (keys: string) => `version: 1\nstore: { ${keys} }\n`;

function loaded(text: string, env = {}, file = 'a.yaml') {
  const result = loadText(text, file, { env });
  if (!result.ok) throw new Error(JSON.stringify(result.mistakes));
  return result;
}

test('a Redis is an address; the rest has defaults', () => {
  expect(loaded(store('kind: redis, url: "redis://127.0.0.1:6379"')).config.store).toEqual({
    kind: 'redis',
    url: 'redis://127.0.0.1:6379',
    cluster: false,
    prefix: 'sluice',
    timeout: 50,
    lease: 100,
    memory: { size: 16 * 1024 * 1024, path: '/dev/shm' },
  });
});

test.each([
  'kind: redis, url: "rediss://user:p%40ss@redis.example:6380/3", tls: { serverName: r.example }',
  'kind: redis, cluster: true, urls: ["redis://a:7000", "redis://[::1]:7001"], password: x, nodes: 4',
  'kind: redis, sentinel: { name: main, urls: ["redis://a:26379", "redis://:s@b"] }, username: u, password: x, db: 2',
])('accepted: %s', (keys) => {
  expect(mistakesOf(store(keys))).toEqual([]);
});

test('without the number of nodes a node that never met its Redis takes itself for the only one: a warning', () => {
  const warnings = (keys: string) => loaded(store(keys)).warnings.map(({ path }) => path);
  expect(warnings('kind: redis, url: "redis://a"')).toEqual(['store']);
  expect(warnings('kind: redis, url: "redis://a", nodes: 1')).toEqual([]);
  expect(warnings('kind: embedded')).toEqual([]);
});

test('SLUICE_REDIS_URL is enough, and beats what the file says', () => {
  const env = { SLUICE_REDIS_URL: 'redis://b' };
  expect(loaded('version: 1\n', env).config.store).toMatchObject({ kind: 'redis', url: 'redis://b' });
  expect(loaded(store('kind: embedded'), env).config.store).toMatchObject({
    kind: 'redis',
    url: 'redis://b',
  });
});

test('address and password may be files, which are watched', () => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-store-'));
  writeFileSync(join(folder, 'url'), 'redis://a.example:7000\n');
  writeFileSync(join(folder, 'password'), 'geheim\n');
  const text = store('kind: redis, url: { file: url }, password: { file: password }');
  const { config, files } = loaded(text, {}, join(folder, 'a.yaml'));
  expect(config.store).toMatchObject({ url: 'redis://a.example:7000', password: 'geheim' });
  expect(files).toEqual([join(folder, 'url'), join(folder, 'password')]);
});

test('no mistake quotes what may hold a password', () => {
  for (const url of [
    'http://u:geheim@h',
    'redis://u:geheim@h:x',
    'redis://:geheim@',
    'redis://u:geheim%@h',
    'geheim',
  ])
    expect(mistakesOf(store(`kind: redis, url: "${url}"`)).join()).toMatch(/^2:\d+ store.url: (?!.*geheim)/);
});

describe('mistakes', () => {
  run([
    ['no address', store('kind: redis'), ['2:8 store', 'add url']],
    [
      'two addresses',
      store('kind: redis, url: "redis://a", cluster: true, urls: ["redis://b"]'),
      ['2:28 store.url', 'url and urls exclude each other'],
    ],
    [
      'keys without kind',
      store('url: "redis://a", nodes: 2'),
      ['2:10 store.url', 'write kind: redis'],
      ['2:28 store.nodes', 'kind: redis'],
    ],
    [
      'several addresses that are no cluster',
      store('kind: redis, urls: ["redis://a"]'),
      ['2:23 store.urls', 'cluster: true'],
    ],
    [
      'a cluster with sentinels',
      store('kind: redis, cluster: true, sentinel: { name: a, urls: ["redis://a"] }'),
      ['2:23 store.cluster', 'remove one'],
    ],
    ['a query', store('kind: redis, url: "redis://a?tls=1"'), ['2:28 store.url', 'no query']],
    ['a port', store('kind: redis, url: "redis://a:0"'), ['2:28 store.url', 'from 1 to 65535']],
    [
      'a database by name',
      store('kind: redis, url: "redis://a/x"'),
      ['2:28 store.url', 'number of the database'],
    ],
    [
      'TLS and not',
      store('kind: redis, cluster: true, urls: ["redis://a", "rediss://b"]'),
      ['2:58 store.urls.1', 'use one of them'],
    ],
    [
      'TLS settings for nothing',
      store('kind: redis, url: "redis://a", tls: {}'),
      ['2:41 store.tls', 'write rediss://'],
    ],
    [
      'a certificate that is none',
      store('kind: redis, url: "rediss://a", tls: { ca: x }'),
      ['2:53 store.tls.ca', 'no certificate'],
    ],
    [
      'a password twice',
      store('kind: redis, url: "redis://:a@a", password: b'),
      ['2:44 store.password', 'remove it here or there'],
    ],
    [
      'a database of a cluster',
      store('kind: redis, cluster: true, url: "redis://a/1"'),
      ['2:43 store.url', 'database 0 only'],
    ],
    [
      'a database of a sentinel',
      store('kind: redis, sentinel: { name: a, urls: ["redis://a/1"] }'),
      ['2:51 store.sentinel.urls.0', 'write db'],
    ],
    [
      'a long wait',
      store('kind: redis, url: "redis://a", timeout: 2s'),
      ['2:50 store.timeout', 'from 5ms to 1000ms'],
    ],
    ['a prefix', store('kind: redis, url: "redis://a", prefix: "a{b}"'), ['2:49 store.prefix', '1 to 64']],
    ['a kind', store('kind: redsi'), ['2:16 store.kind', 'did you mean "redis"']],
  ]);
});
