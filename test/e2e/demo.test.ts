import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { atEnd } from '../support/cleanup.ts';
import { cleanEnv } from '../support/cli.ts';
import { freePort } from '../support/ports.ts';
import { children, isAlive } from '../support/proc.ts';

const root = join(import.meta.dirname, '..', '..');

interface Demo {
  readonly child: ChildProcess;
  readonly ports: readonly number[];
  readonly output: () => string;
  readonly exited: Promise<number | null>;
}

/** Starts the demo on free ports in a process group of its own, as a shell does with a job. */
async function start(command: string, args: string[], ports?: readonly number[]): Promise<Demo> {
  const [port, admin, first, second] = ports ?? [
    await freePort(),
    await freePort(),
    await freePort(),
    await freePort(),
  ];
  const child = spawn(command, args, {
    cwd: root,
    env: cleanEnv({
      SLUICE_PORT: String(port),
      SLUICE_ADMIN_PORT: String(admin),
      DEMO_ORIGIN_PORTS: `${first},${second}`,
    }),
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  const exited = new Promise<number | null>((resolve) => child.once('close', resolve));
  atEnd(async () => {
    for (const pid of [...descendants(child.pid!), child.pid!]) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It is gone, as it should be.
      }
    }
    await exited;
  });
  return { child, ports: [port!, admin!, first!, second!], output: () => output, exited };
}

const descendants = (pid: number): number[] => children(pid).flatMap((each) => [...descendants(each), each]);

/** The lines that are there to be tried. */
async function curlLines(demo: Demo): Promise<string[]> {
  await Promise.race([
    expect.poll(demo.output, { timeout: 20_000 }).toContain('Ctrl-C stops everything.'),
    demo.exited.then((code) => Promise.reject(new Error(`it ended with ${code}: ${demo.output()}`))),
  ]);
  return demo
    .output()
    .split('\n')
    .filter((line) => line.trim().startsWith('curl '));
}

/** What a user gets who pastes the line into a shell; `--fail` turns an error status into an exit code. */
function paste(line: string): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile('/bin/sh', ['-c', `${line} --fail --max-time 10`], (error, stdout) =>
      error === null ? resolve(stdout) : reject(new Error(`${line}: ${error.message}`)),
    );
  });
}

async function assertGone(pids: readonly number[], ports: readonly number[]): Promise<void> {
  expect(pids.length).toBeGreaterThan(1);
  await expect.poll(() => pids.filter(isAlive)).toEqual([]);
  for (const port of ports) await expect(fetch(`http://127.0.0.1:${port}/`)).rejects.toThrow();
}

test('the lines that it prints work, and Ctrl-C stops everything', async () => {
  const demo = await start(process.execPath, ['test/demo/run.mjs']);
  const lines = await curlLines(demo);
  expect(lines).toHaveLength(3);
  const [hello, users, metrics] = await Promise.all(lines.map(paste));
  expect(hello).toContain('200 OK');
  expect(hello).toContain('Hello from Sluice.');
  expect(users).toMatch(/200 OK[\s\S]*"Ada"/);
  expect(metrics).toContain('sluice_build_info');
  // What the comment at the head of config/demo.yaml offers, too.
  const config = readFileSync(join(root, 'config', 'demo.yaml'), 'utf8');
  const offered = [...config.matchAll(/^# +(curl .*?)(?: {2,}.*)?$/gm)].map(([, line]) => line!);
  expect(offered).toHaveLength(3);
  for (const line of offered) await paste(line.replace(':8080', `:${demo.ports[0]}`));

  const pids = [demo.child.pid!, ...descendants(demo.child.pid!)];
  process.kill(demo.child.pid!, 'SIGINT');
  expect(await demo.exited).toBe(0);
  await assertGone(pids, demo.ports);
});

test('three requests of four go to the first origin', async () => {
  const demo = await start(process.execPath, ['test/demo/run.mjs']);
  await curlLines(demo);
  const [port, , first, second] = demo.ports;
  const from = new Map<string, number>();
  // Each worker has its own turn, so a kept connection, which stays with one.
  for (let i = 0; i < 40; i += 1) {
    const reply = (await (await fetch(`http://127.0.0.1:${port}/api/x`)).json()) as { origin: string };
    from.set(reply.origin, (from.get(reply.origin) ?? 0) + 1);
  }
  expect(Object.fromEntries(from)).toEqual({ [`origin-${first}`]: 30, [`origin-${second}`]: 10 });
});

test('a port in use is told in a line', async () => {
  const first = await start(process.execPath, ['test/demo/run.mjs']);
  await curlLines(first);
  const free = [await freePort(), await freePort(), await freePort()] as const;
  const second = await start(process.execPath, ['test/demo/run.mjs'], [first.ports[0]!, ...free]);
  expect(await second.exited).toBe(1);
  expect(second.output()).toBe(
    `port ${first.ports[0]} is in use; SLUICE_PORT, SLUICE_ADMIN_PORT and DEMO_ORIGIN_PORTS choose others\n`,
  );
});

test('`make run`, and Ctrl-C in its terminal', async () => {
  // What is built stays as it is: other tests run on it.
  const demo = await start('make', ['--no-print-directory', '-o', 'dist/.tsbuildinfo', 'run']);
  const lines = await curlLines(demo);
  expect(await paste(lines[0]!)).toContain('Hello from Sluice.');
  const pids = [demo.child.pid!, ...descendants(demo.child.pid!)];
  expect(pids.length).toBeGreaterThanOrEqual(3);
  // A terminal signals the whole foreground group.
  process.kill(-demo.child.pid!, 'SIGINT');
  await demo.exited;
  await assertGone(pids, demo.ports);
  expect(demo.output()).toContain('"msg":"drained"');
  expect(demo.output()).not.toMatch(/\n\s+at |make: \*\*\*/);
});
