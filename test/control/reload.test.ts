import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { loadFile } from '../../src/config/load.ts';
import type { GatewayConfig } from '../../src/contracts/config.ts';
import type { Outcome } from '../../src/control/publish.ts';
import { Reloader } from '../../src/control/reload.ts';
import { testLog } from './support.ts';

const FIRST = 'version: 1\nroutes:\n  - { id: a, match: { paths: [/a] }, respond: {} }\n';
let folder = '';
let file = '';

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-reload-'));
  file = join(folder, 'gateway.yaml');
  writeFileSync(file, FIRST);
});

afterEach(() => rmSync(folder, { recursive: true }));

function start(publishing: (config: GatewayConfig) => Outcome = () => ({ ok: true, generation: 2 })) {
  const { log, lines } = testLog();
  const published: GatewayConfig[] = [];
  const load = () => loadFile(file, { env: {}, flags: {} });
  const first = load();
  if (!first.ok) throw new Error('the first configuration is wrong');
  const applied: GatewayConfig[] = [];
  const reloader = new Reloader({
    load,
    publish: (config) => {
      published.push(config);
      return Promise.resolve(publishing(config));
    },
    running: first.config,
    applied: ({ config }) => void applied.push(config),
    log,
  });
  return { reloader, published, applied, lines };
}

test('a changed file is published and then runs', async () => {
  const { reloader, published, applied, lines } = start();
  writeFileSync(file, FIRST.replaceAll('/a', '/b'));
  await reloader.reload('file');
  expect(published.map(({ routes }) => routes[0]?.match.paths)).toEqual([['/b']]);
  expect(reloader.running).toBe(applied[0]);
  expect(lines).toMatchObject([{ msg: 'configuration applied', generation: 2 }]);
});

test('a file that means the same is not published', async () => {
  const { reloader, published, lines } = start();
  writeFileSync(file, `# a comment\n${FIRST}`);
  await reloader.reload('file');
  expect(published).toEqual([]);
  expect(lines).toEqual([]);
  await reloader.reload('signal');
  expect(lines).toMatchObject([{ msg: 'configuration is unchanged' }]);
});

test('mistakes are one log event with every line; the old configuration goes on', async () => {
  const { reloader, published, lines } = start();
  const before = reloader.running;
  writeFileSync(file, 'version: 1\nrutes: []\nworkers: many\n');
  await reloader.reload('file');
  expect(published).toEqual([]);
  expect(reloader.running).toBe(before);
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatchObject({ msg: 'configuration refused: the old one goes on' });
  const mistakes = lines[0]?.['mistakes'] as string[];
  expect(mistakes.map((line) => line.slice(0, line.indexOf(' ')))).toEqual([`${file}:2:1`, `${file}:3:10`]);
});

test('what was refused is said once; a signal asks again', async () => {
  const { reloader, lines } = start();
  writeFileSync(file, 'version: 2\n');
  for (const reason of ['file', 'poll', 'poll'] as const) await reloader.reload(reason);
  expect(lines).toHaveLength(1);
  await reloader.reload('signal');
  expect(lines).toHaveLength(2);
  rmSync(file);
  await reloader.reload('poll');
  expect(lines).toHaveLength(3);
});

test('restart-only keys are refused and each is named', async () => {
  const { reloader, published, lines } = start();
  writeFileSync(
    file,
    `${FIRST}listen: { http: { port: 1234 } }\nadmin: { port: 99 }\nworkers: 3\nlimits: { headerBytes: 8KB }\n`,
  );
  await reloader.reload('file');
  expect(published).toEqual([]);
  const keys = ['listen.http.port', 'admin.port', 'workers', 'limits.headerBytes'];
  expect(lines).toMatchObject([{ keys, reason: `a restart is needed to change ${keys.join(', ')}` }]);
});

test('a configuration that a worker refuses leaves the old one; putting the old file back is silent', async () => {
  const { reloader, lines } = start(() => ({ ok: false, why: 'worker 0 refuses it: no' }));
  const before = reloader.running;
  writeFileSync(file, FIRST.replaceAll('/a', '/b'));
  await reloader.reload('file');
  expect(lines).toMatchObject([{ reason: 'worker 0 refuses it: no' }]);
  expect(reloader.running).toBe(before);
  writeFileSync(file, FIRST);
  await reloader.reload('file');
  expect(lines).toHaveLength(1);
});

test('more mistakes than one log line can carry are counted', async () => {
  const { reloader, lines } = start();
  writeFileSync(file, `version: 1\n${Array.from({ length: 300 }, (_, i) => `nonsense${i}: 1`).join('\n')}\n`);
  await reloader.reload('file');
  const { mistakes, omitted } = lines[0] as unknown as { mistakes: string[]; omitted: number };
  expect(mistakes.length + omitted).toBe(300);
  expect(JSON.stringify(lines[0]).length).toBeLessThan(4_000);
});
