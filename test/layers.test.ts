import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { expect, test } from 'vitest';

/**
 * The floors (src/README.md): an import may only go down, and folders of one floor do not see each other.
 * Files directly in src are the entries: they wire, and may import everything.
 */
const FLOORS: readonly (readonly string[])[] = [
  ['contracts'],
  ['lib'],
  ['pipeline', 'policies', 'router', 'upstream', 'stores', 'auth', 'ipc', 'observe'],
  ['config', 'runtime', 'edge'],
  ['control', 'admin'],
];

/** Packages with one importing folder each, so that each can be replaced in one place. */
const OWNERS: Record<string, string> = {
  'uWebSockets.js': 'edge',
  msgpackr: 'ipc',
  'prom-client': 'observe',
  piscina: 'auth',
  ioredis: 'stores',
  fastify: 'admin',
  koffi: 'lib',
  yaml: 'config',
};

const root = join(import.meta.dirname, '..', 'src');
const floorOf = (folder: string) => FLOORS.findIndex((floor) => floor.includes(folder));

interface Import {
  readonly file: string;
  readonly folder: string;
  readonly to: string;
}

const imports: Import[] = readdirSync(root, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts'))
  .flatMap((file) => {
    const text = readFileSync(join(root, file), 'utf8');
    const found = text.matchAll(/(?:from|import|require|resolve)\s*\(?\s*'([^']+)'/g);
    return [...found].map((match) => ({
      file,
      folder: file.split('/').slice(0, -1)[0] ?? '',
      to: match[1]!,
    }));
  });

const inside = imports
  .filter(({ to }) => to.startsWith('.'))
  .map((each) => ({ ...each, target: normalize(join(dirname(each.file), each.to)).split('/') }))
  .map((each) => ({ ...each, targetFolder: each.target.length > 1 ? each.target[0]! : '' }));

test('every folder of src stands on a floor', () => {
  const folders = new Set(imports.map((each) => each.folder).filter((folder) => folder !== ''));
  expect([...folders].filter((folder) => floorOf(folder) < 0)).toEqual([]);
});

test('imports only go down the floors', () => {
  const climbing = inside
    .filter(({ folder, targetFolder }) => folder !== '' && folder !== targetFolder)
    .filter(({ folder, targetFolder }) => targetFolder === '' || floorOf(targetFolder) >= floorOf(folder));
  expect(climbing.map(({ file, to }) => `${file} imports ${to}`)).toEqual([]);
});

test('policies do not see each other', () => {
  const sideways = inside.filter(
    ({ file, target }) =>
      file.startsWith('policies/') &&
      file !== 'policies/index.ts' &&
      target[0] === 'policies' &&
      target[1] !== 'shared',
  );
  expect(sideways.map(({ file, to }) => `${file} imports ${to}`)).toEqual([]);
});

test('each package is imported by its one folder', () => {
  const foreign = imports.filter(({ to, folder }) => OWNERS[to] !== undefined && OWNERS[to] !== folder);
  expect(foreign.map(({ file, to }) => `${file} imports ${to}`)).toEqual([]);
});
