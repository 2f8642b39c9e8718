import { execFile, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, expect, test } from 'vitest';
import { atEnd } from '../support/cleanup.ts';
import { cleanEnv, cliPath } from '../support/cli.ts';
import { LogLines } from '../support/log-lines.ts';

const root = join(import.meta.dirname, '..', '..');
const readme = readFileSync(join(root, 'README.md'), 'utf8');

/** The blocks of that language, without the indentation of the list item that they stand in. */
function blocks(language: string): string[] {
  const found = readme.matchAll(new RegExp(`^( *)\`\`\`${language}\n([\\s\\S]*?)^ *\`\`\`$`, 'gm'));
  return [...found].map(([, indent = '', text = '']) =>
    text
      .split('\n')
      .map((line) => (line.startsWith(indent) ? line.slice(indent.length) : line))
      .join('\n'),
  );
}

const commands = blocks('sh')
  .join('\n')
  .split('\n')
  .map((line) => line.replace(/ +#.*$/, '').trim())
  .filter((line) => line !== '');

const given = (verb: string): string => {
  const command = commands.find((each) => each.startsWith(`node dist/cli.js ${verb} `));
  if (command === undefined) throw new Error(`the README has no command for ${verb}`);
  // The README speaks from the folder of the repository; here the folder is the reader's own.
  return command.replace('dist/cli.js', cliPath);
};

let folder = '';
let yaml = '';

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-readme-'));
  atEnd(() => rmSync(folder, { recursive: true, force: true }));
  yaml = blocks('yaml')[0] ?? '';
  writeFileSync(join(folder, 'gateway.yaml'), yaml);
});

const shell = (command: string) =>
  promisify(execFile)('/bin/sh', ['-c', command], { cwd: folder, env: cleanEnv(), timeout: 20_000 });

test('there is one configuration, and no command that is not tried here', () => {
  expect(blocks('yaml')).toHaveLength(1);
  const verbs = commands.map((each) => /^node dist\/cli\.js (\w+) /.exec(each)?.[1] ?? each);
  expect(verbs).toEqual(['make run', 'make test', 'check', 'explain', 'run']);
});

test('every `make` target that it names exists', async () => {
  const targets = new Set([...readme.matchAll(/\bmake ([a-z]+)\b/g)].map(([, target]) => target!));
  expect([...targets].sort()).toEqual(['bench', 'fuzz', 'run', 'test']);
  for (const target of targets)
    await promisify(execFile)('make', ['-n', '--no-print-directory', target], { cwd: root, env: cleanEnv() });
});

test('check says that the file is good', async () => {
  expect((await shell(given('check'))).stdout).toBe('gateway.yaml: ok, 2 routes, 1 upstreams\n');
});

test('explain names the route', async () => {
  expect((await shell(given('explain'))).stdout).toMatch(/^route +users$/m);
});

test('schema prints what it says', async () => {
  expect(readme).toContain('`node dist/cli.js schema` prints the JSON Schema');
  const { stdout } = await shell(`node ${cliPath} schema`);
  expect(JSON.parse(stdout)).toMatchObject({ title: 'Sluice configuration' });
});

test('run serves the file, a change is live, and the signals do what is said', async () => {
  const child = spawn('/bin/sh', ['-c', `exec ${given('run')}`], {
    cwd: folder,
    env: cleanEnv({ SLUICE_PORT: '0', SLUICE_ADMIN_PORT: '0' }),
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  atEnd(() => {
    try {
      process.kill(-child.pid!, 'SIGKILL');
    } catch {
      // It has ended, as it should.
    }
  });
  const log = new LogLines();
  for (const stream of [child.stdout, child.stderr]) log.collect(stream);
  const exited = new Promise((resolve) => child.once('close', resolve));
  const { http } = await log.waitFor(({ msg }) => msg === 'listening', 30_000);
  const hello = () => fetch(`${String(http)}/hello/you`).then((reply) => reply.text());
  expect(await hello()).toBe('hello');
  writeFileSync(join(folder, 'gateway.yaml'), yaml.replace('body: hello', 'body: changed'));
  await log.waitFor(({ msg }) => msg === 'configuration applied', 15_000);
  expect(await hello()).toBe('changed');
  writeFileSync(join(folder, 'gateway.yaml'), yaml.replace('body: hello', 'bodie: hello'));
  const refused = await log.waitFor(({ msg }) => String(msg).startsWith('configuration refused'), 15_000);
  expect(JSON.stringify(refused)).toContain('unknown key');
  expect(await hello()).toBe('changed');
  child.kill('SIGTERM');
  expect(await exited).toBe(0);
});

test('the files and folders that it names are there', () => {
  const named = [...readme.matchAll(/`((?:config|deployments|native-bench|src)\/[^`\s]*)`/g)].map(
    ([, path]) => path!,
  );
  expect(named.length).toBeGreaterThan(4);
  for (const path of named) expect(() => readFileSync(join(root, path)), path).not.toThrow(/ENOENT/);
});

test('the variables and flags that it names are those of the program', async () => {
  const { stdout } = await shell(`node ${cliPath} run --help`);
  const flags = [...new Set([...readme.matchAll(/`(--[a-z-]+)`/g)].map(([, flag]) => flag!))];
  expect(flags.length).toBeGreaterThan(4);
  for (const flag of flags) expect(stdout).toContain(flag);
  const source = readFileSync(join(root, 'src', 'config', 'overrides.ts'), 'utf8');
  const variables = [...new Set([...readme.matchAll(/`(SLUICE_[A-Z_]+)/g)].map(([, name]) => name!))];
  for (const name of variables.filter((each) => each !== 'SLUICE_CONFIG')) expect(source).toContain(name);
});
