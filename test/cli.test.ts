import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';

const root = join(import.meta.dirname, '..');
const program = join(root, 'dist', 'cli.js');
const folder = mkdtempSync(join(tmpdir(), 'sluice-cli-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Writes a file into the temporary folder and gives its path. */
function file(name: string, text: string): string {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
}

interface Result {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs `sluice` to its end, with nothing of this process's SLUICE_* variables. */
function sluice(args: readonly string[], env: Record<string, string> = {}): Promise<Result> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [program, ...args], { cwd: folder, env }, (_, out, err) =>
      resolve({ code: child.exitCode ?? -1, out, err }),
    );
  });
}

const GOOD = `version: 1
upstreams: [{ id: users, targets: [{ url: "http://127.0.0.1:9001", weight: 3 }] }]
routes:
  - { id: users, match: { hosts: [api.example], paths: ["/u/:id/*"], methods: [GET], headers: { x-a: "1" } }, upstream: users, policies: { request-id: false } }
  - { id: hello, match: { paths: [/hello] }, respond: { status: 200 } }
policies: { cors: { origins: ["*"] }, request-id: {} }
`;

describe('check', () => {
  test('a good file: one line and exit code 0', async () => {
    const path = file('good.yaml', GOOD);
    expect(await sluice(['check', '-c', path])).toEqual({
      code: 0,
      out: `${path}: ok, 2 routes, 1 upstreams\n`,
      err: '',
    });
  });

  test('SLUICE_CONFIG names the file when -c does not; -c wins', async () => {
    const good = file('good.yaml', GOOD);
    const bad = file('bad.yaml', 'version: 2');
    expect(await sluice(['check'], { SLUICE_CONFIG: good })).toMatchObject({ code: 0 });
    expect(await sluice(['check', '-c', bad], { SLUICE_CONFIG: good })).toMatchObject({ code: 1 });
  });

  test('a bad file: every mistake on standard error and exit code 1', async () => {
    const path = file('bad.yaml', 'version: 1\ndrian: 1s\nworkers: many\n');
    const { code, out, err } = await sluice(['check', '-c', path]);
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err.trim().split('\n')).toEqual([
      `${path}:2:1 drian: unknown key "drian": did you mean "drain"?`,
      `${path}:3:10 workers: workers is auto or a number from 1 to 256`,
    ]);
  });

  test('flags and variables are checked too', async () => {
    const path = file('good.yaml', GOOD);
    expect(await sluice(['check', '-c', path, '--port', 'x'], { SLUICE_PORT: '80' })).toMatchObject({
      code: 1,
      err: expect.stringContaining('flags:1:1 --port: a port is') as string,
    });
  });

  test.each([
    [['check', '-c', 'none.yaml'], 'none.yaml:1:1 .: cannot be read (no such file)'],
    [['run', '-c', 'none.yaml'], 'none.yaml:1:1 .: cannot be read (no such file)'],
    [['check'], 'give -c FILE, or set SLUICE_CONFIG'],
    [['chekc'], "unknown command 'chekc'"],
    [['check', '--prot', '1'], "unknown option '--prot'"],
  ])('%j is told in a line, without a stack', async (args, words) => {
    const { code, out, err } = await sluice(args);
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toContain(words);
    expect(err).not.toMatch(/\n\s+at /);
  });
});

test('schema prints a JSON Schema', async () => {
  const { code, out } = await sluice(['schema']);
  expect(code).toBe(0);
  expect(JSON.parse(out)).toMatchObject({
    title: 'Sluice configuration',
    properties: { routes: { type: 'array' } },
  });
});

describe('explain', () => {
  const explain = async (...args: string[]) =>
    (await sluice(['explain', '-c', file('good.yaml', GOOD), ...args])).out;

  test('the route, why it fits, its parameters, policies and targets', async () => {
    const out = await explain(
      'GET',
      'http://API.example:80/u/./7/a/b?x=1',
      '-H',
      'X-A: 1',
      '-H',
      'accept: */*',
    );
    for (const line of [
      /^route +users$/m,
      /^host +api\.example fits api\.example$/m,
      /^path +\/u\/7\/a\/b fits \/u\/:id\/\*$/m,
      /^ +id = 7$/m,
      /^ +\* = a\/b$/m,
      /^method +GET fits GET$/m,
      /^ +header x-a is 1$/m,
      /^policies +cors$/m,
      /^upstream +users: http:\/\/127\.0\.0\.1:9001 \(weight 3\)$/m,
    ])
      expect(out).toMatch(line);
  });

  test('what the gateway answers itself', async () => {
    expect(await explain('POST', '/hello')).toMatch(/^respond +200$/m);
    expect(await explain('GET', '/none')).toMatch(/^answer +404/);
    expect(await explain('PUT', '/u/7/', '-H', 'host: api.example', '-H', 'x-a: 1')).toMatch(
      /^answer +405.*\nallow +GET, HEAD$/m,
    );
    expect(await explain('GET', '/a%2Fb')).toMatch(/^answer +400/);
    expect(await explain('BREW', '/hello')).toMatch(/^answer +501/);
  });

  test('a CORS preflight is matched as the method that it asks for', async () => {
    const fields = ['host: api.example', 'x-a: 1', 'origin: https://a', 'access-control-request-method: GET'];
    const out = await explain('OPTIONS', '/u/7/', ...fields.flatMap((each) => ['-H', each]));
    expect(out).toMatch(/^route +users$/m);
  });
});

test('run serves until it is told to stop', async () => {
  const path = file(
    'run.yaml',
    `${GOOD}listen: { http: { host: 127.0.0.1, port: 0 } }\nadmin: { port: 0 }\nworkers: 1\n`,
  );
  const child = spawn(process.execPath, [program, 'run', '-c', path], { cwd: folder, env: {} });
  try {
    let log = '';
    const address = await new Promise<string>((resolve, reject) => {
      child.stderr.on('data', (data: Buffer) => (log += data.toString()));
      child.stdout.on('data', (data: Buffer) => {
        log += data.toString();
        const found = /"http":"(http:[^"]+)"/.exec(log)?.[1];
        if (found !== undefined) resolve(found);
      });
      child.once('exit', () => reject(new Error(log)));
    });
    expect((await fetch(`${address}/hello`)).status).toBe(200);
    child.kill('SIGTERM');
    expect(await once(child, 'exit')).toEqual([0, null]);
  } finally {
    child.kill('SIGKILL');
  }
});
