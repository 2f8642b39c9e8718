import { spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { atEnd } from '../support/cleanup.ts';
import { cleanEnv, cliPath, runCli, type CliResult } from '../support/cli.ts';
import { startGateway } from '../support/gateway.ts';
import { startOrigin } from '../support/origin.ts';
import { freePort } from '../support/ports.ts';
import { isAlive } from '../support/proc.ts';
import { scrape, scrapeUntil } from './scrape.ts';
import { ownerOf } from './sockets.ts';
import { answersOf, failuresOf, steady, type SteadyClient } from './steady.ts';

const HELLO = {
  version: 1,
  routes: [{ id: 'hello', match: { paths: ['/*'] }, respond: { body: 'hello' } }],
};

describe('workers', () => {
  test.each([
    ['one per core by default', {}, availableParallelism()],
    ['one per core when asked', { SLUICE_WORKERS: 'auto' }, availableParallelism()],
    ['as many as the environment says', { SLUICE_WORKERS: '3' }, 3],
  ])('%s', async (_, env, count) => {
    const gateway = await startGateway({ config: HELLO, env: { SLUICE_WORKERS: '', ...env } });
    expect(gateway.workers()).toHaveLength(count);
    expect((await scrape(gateway)).table('sluice_config_applied')).toEqual(
      Array.from({ length: count }, (__, worker) => [String(worker), 1]),
    );
  });

  test('a flag beats the environment, which beats the file', async () => {
    const [inFile, inEnv, inFlag] = [await freePort(), await freePort(), await freePort()];
    const config = { ...HELLO, listen: { http: { host: '127.0.0.1', port: inFile } } };
    const ports = [];
    for (const more of [
      {},
      { env: { SLUICE_PORT: String(inEnv) } },
      { env: { SLUICE_PORT: String(inEnv) }, args: ['--port', String(inFlag)] },
    ]) {
      await using gateway = await startGateway({ config, ...more });
      ports.push(gateway.port);
      expect((await fetch(gateway.url)).status).toBe(200);
    }
    expect(ports).toEqual([inFile, inEnv, inFlag]);
  });

  test('they end with a primary that is killed', async () => {
    const gateway = await startGateway({ config: HELLO, workers: 2 });
    const workers = gateway.workers();
    expect(workers).toHaveLength(2);
    process.kill(gateway.pid, 'SIGKILL');
    await expect.poll(() => workers.filter(isAlive)).toEqual([]);
  });

  test('Ctrl-C reaches the whole process group, and drains once', async () => {
    const origin = await startOrigin((_, response) => setTimeout(() => response.end('late'), 300));
    const gateway = await startGateway({ config: proxying(origin.url), workers: 2 });
    const workers = gateway.workers();
    const running = fetch(`${gateway.url}/slow`).then((reply) => reply.text());
    await expect.poll(() => origin.requests.length).toBe(1);
    process.kill(-gateway.pid, 'SIGINT');
    expect(await running).toBe('late');
    expect(await gateway.exited).toBe(0);
    expect(gateway.lines.filter(({ msg }) => msg === 'draining')).toHaveLength(1);
    expect(gateway.lines.filter(({ level }) => level === 'warn' || level === 'error')).toEqual([]);
    expect(workers.filter(isAlive)).toEqual([]);
  });
});

const proxying = (url: string) => ({
  version: 1,
  upstreams: [{ id: 'api', targets: [{ url }] }],
  routes: [{ id: 'api', match: { paths: ['/*'] }, upstream: 'api' }],
});

describe('a worker that is killed under load', () => {
  const FRESH = 4;
  /** Workers push their numbers once a second; the timer of a busy process is late, by as long as the machine stalls. */
  const LOST_MS = 2_500;

  const ownedBy = (clients: readonly SteadyClient[], port: number, pids: readonly number[], pid: number) =>
    clients.filter(({ localPort }) => ownerOf(port, localPort, pids) === pid);

  test('costs what was in flight on it and its last second of metrics, and no more', async () => {
    const origin = await startOrigin((_, response) => setTimeout(() => response.end('ok'), 2));
    const gateway = await startGateway({
      config: { ...proxying(origin.url), log: { access: false } },
      workers: 2,
    });
    const { port } = gateway;
    const kept = await steady(16, { port, path: '/kept' });
    const fresh = await steady(FRESH, { port, path: '/fresh', fresh: true });
    const all = [...kept, ...fresh];
    const requests = 'sluice_requests_total';
    const before = await scrapeUntil(gateway, (each) => each.sum(requests) > 200);

    const pids = gateway.workers();
    const victim = pids[0]!;
    const lost = ownedBy(kept, port, pids, victim);
    const safe = kept.filter((client) => !lost.includes(client));
    expect(lost.length).toBeGreaterThan(0);
    expect(safe.length).toBeGreaterThan(0);
    const killedAt = performance.now();
    process.kill(victim, 'SIGKILL');
    await gateway.waitForLine(({ msg }) => msg === 'worker died');
    const diedAt = performance.now();
    const restarted = await scrapeUntil(gateway, (each) => each.sum('sluice_worker_restarts_total') === 1);
    await scrapeUntil(gateway, (each) =>
      each.table('sluice_config_applied').every(([, value]) => value === 1),
    );
    await Promise.all(all.map((client) => client.stop()));

    expect(failuresOf(safe)).toEqual([]);
    expect(lost.map(({ failures }) => failures.length)).toEqual(lost.map(() => 1));
    // A client without a kept connection has one request in flight, and the next may get into the accept queue that dies
    // a moment later (five failures of four clients were seen once).
    for (const { failures } of fresh) expect(failures.length).toBeLessThanOrEqual(2);
    expect(gateway.workers()).toHaveLength(2);
    expect(gateway.workers()).not.toContain(victim);

    const answered = answersOf(all).length;
    const atRisk = answersOf([...lost, ...fresh]).filter(
      (at) => at > killedAt - LOST_MS && at <= diedAt + 50,
    );
    const failed = failuresOf(all).length;
    const after = await scrapeUntil(gateway, (each) => each.sum(requests) >= answered - atRisk.length);
    expect(after.sum(requests)).toBeLessThanOrEqual(answered + failed);
    expect(restarted.sum(requests)).toBeGreaterThanOrEqual(before.sum(requests));
    expect(after.sum(requests)).toBeGreaterThanOrEqual(restarted.sum(requests));
  });

  test('counters never fall while workers die', async () => {
    const gateway = await startGateway({ config: { ...HELLO, log: { access: false } }, workers: 2 });
    const clients = await steady(2, { port: gateway.port, path: '/', fresh: true });
    let last = new Map<string, number>();
    for (const round of [1, 2]) {
      process.kill(gateway.workers()[0]!, 'SIGKILL');
      await scrapeUntil(gateway, (each) => {
        const now = new Map(
          [...each.families.values()]
            .filter(({ type }) => type !== 'gauge')
            .flatMap(({ samples }) =>
              samples.map(({ name, labels, value }) => [name + JSON.stringify(labels), value] as const),
            ),
        );
        for (const [name, value] of last) expect(now.get(name) ?? -1, name).toBeGreaterThanOrEqual(value);
        last = now;
        return each.sum('sluice_worker_restarts_total') === round;
      });
    }
    await Promise.all(clients.map((client) => client.stop()));
  });

  test('a stopped one neither fails nor delays metrics and probes', async () => {
    const gateway = await startGateway({ config: HELLO, workers: 2 });
    const [stopped] = gateway.workers();
    process.kill(stopped!, 'SIGSTOP');
    const startedAt = performance.now();
    for (const path of ['metrics', 'readyz', 'livez', 'metrics'])
      expect((await fetch(`${gateway.adminUrl}/${path}`)).status).toBe(200);
    expect(performance.now() - startedAt).toBeLessThan(4_000);
    process.kill(stopped!, 'SIGCONT');
    expect(await gateway.stop()).toBe(0);
  });
});

describe('a start that cannot succeed ends fast, with code 1 and what the operator needs', () => {
  /** Generous for a busy machine; it takes a fraction of a second. */
  const FAST_MS = 10_000;

  async function failing(start: Promise<CliResult>): Promise<string> {
    const startedAt = performance.now();
    const { code, stderr } = await start;
    expect(code, stderr).toBe(1);
    expect(performance.now() - startedAt).toBeLessThan(FAST_MS);
    expect(stderr).not.toMatch(/\n\s+at /);
    return stderr;
  }

  function folder(): string {
    const path = mkdtempSync(join(tmpdir(), 'sluice-start-'));
    atEnd(() => rmSync(path, { recursive: true, force: true }));
    return path;
  }

  function file(text: string): string {
    const path = join(folder(), 'gateway.yaml');
    writeFileSync(path, text);
    return path;
  }

  async function takenPort(host: string): Promise<number> {
    const server = createServer();
    atEnd(() => void server.close());
    await new Promise<void>((resolve) => server.listen(0, host, resolve));
    return (server.address() as AddressInfo).port;
  }

  test.each([
    ['http', 'SLUICE_PORT', '0.0.0.0'],
    ['admin', 'SLUICE_ADMIN_PORT', '127.0.0.1'],
  ])('the %s port is in use', async (_, variable, host) => {
    const port = await takenPort(host);
    const env = { SLUICE_PORT: '0', SLUICE_ADMIN_PORT: '0', SLUICE_WORKERS: '1', [variable]: String(port) };
    const stderr = await failing(runCli(['run', '-c', file(JSON.stringify(HELLO))], env));
    expect(stderr).toBe(`cannot listen on ${host}:${port}: the port is in use\n`);
  });

  test('another gateway has the port', async () => {
    const gateway = await startGateway({ config: HELLO });
    const env = { SLUICE_PORT: String(gateway.port), SLUICE_ADMIN_PORT: '0', SLUICE_WORKERS: '1' };
    const stderr = await failing(runCli(['run', '-c', file(JSON.stringify(HELLO))], env));
    expect(stderr).toBe(`cannot listen on 0.0.0.0:${gateway.port}: the port is in use\n`);
    expect((await fetch(gateway.url)).status).toBe(200);
  });

  test('the file is missing, a folder, or a link to itself', async () => {
    const path = folder();
    symlinkSync('loop.yaml', join(path, 'loop.yaml'));
    for (const name of ['missing.yaml', '.', 'loop.yaml']) {
      const stderr = await failing(runCli(['run', '-c', join(path, name)]));
      expect(stderr.startsWith(`${join(path, name)}:1:1 .: cannot be read (`), stderr).toBe(true);
      expect(stderr.trimEnd().split('\n')).toHaveLength(1);
    }
  });

  test('the file may not be read', async () => {
    const path = file(JSON.stringify(HELLO));
    chmodSync(path, 0o000);
    const stderr = await failing(withoutPrivileges(['run', '-c', path]));
    expect(stderr).toMatch(/^\S+gateway\.yaml:1:1 \.: cannot be read \(permission denied\).*\n$/);
  });

  test('the file has mistakes: every one on its line', async () => {
    const path = file('version: 1\nroutes:\n  - { id: a, match: { paths: [x] } }\ndrian: 5s\n');
    const lines = (await failing(runCli(['run', '-c', path]))).trimEnd().split('\n');
    expect(lines.length).toBeGreaterThan(1);
    for (const line of lines) expect(line).toMatch(/^\S+gateway\.yaml:\d+:\d+ \S+: .+/);
    expect(lines.at(-1)).toContain('did you mean "drain"?');
  });

  test('the file is not YAML', async () => {
    const stderr = await failing(runCli(['run', '-c', file('version: 1\nroutes: [')]));
    expect(stderr).toMatch(/^\S+gateway\.yaml:\d+:\d+ /);
  });
});

/** Root reads everything: it has to give up its capabilities first. */
function withoutPrivileges(args: string[]): Promise<CliResult> {
  if (process.getuid?.() !== 0) return runCli(args);
  const drop = ['--bounding-set=-all', '--inh-caps=-all', process.execPath, cliPath, ...args];
  const child = spawn('setpriv', drop, { env: cleanEnv(), stdio: ['ignore', 'pipe', 'pipe'] });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, stdout: '', stderr }));
  });
}
