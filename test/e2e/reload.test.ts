import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { atEnd } from '../support/cleanup.ts';
import { startGateway, type Gateway } from '../support/gateway.ts';
import { startOrigin } from '../support/origin.ts';
import { connect, type RawClient } from '../support/raw.ts';
import type { WireReply } from '../support/reply-parser.ts';
import { scrapeUntil } from './scrape.ts';
import { ownerOf } from './sockets.ts';
import { failuresOf, get, steady } from './steady.ts';

const saying = (body: string) => ({
  version: 1,
  routes: [{ id: 'all', match: { paths: ['/*'] }, respond: { body } }],
});

const text = (body: string) => JSON.stringify(saying(body));

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-reload-'));
  const path = folder;
  atEnd(() => rmSync(path, { recursive: true, force: true }));
});

/** One kept connection to each worker. */
async function oneEach(gateway: Gateway): Promise<RawClient[]> {
  const pids = gateway.workers();
  const found = new Map<number, RawClient>();
  while (found.size < pids.length) {
    const client = await connect(gateway.port);
    const path = `/of-${client.socket.localPort!}`;
    await client.send(get(path));
    await client.reply();
    const pid = ownerOf(gateway.port, client.socket.localPort!, pids);
    if (pid !== undefined && !found.has(pid)) found.set(pid, client);
  }
  return [...found.values()];
}

const askAll = (clients: readonly RawClient[]): Promise<string[]> =>
  Promise.all(
    clients.map(async (client) => {
      await client.send(get('/probe'));
      return (await client.reply()).body.toString();
    }),
  );

describe('the file is noticed', () => {
  const inPlace = (path: string) => {
    writeFileSync(path, text('one'));
    return () => writeFileSync(path, text('two'));
  };
  const byRename = (path: string) => {
    writeFileSync(path, text('one'));
    return () => {
      writeFileSync(`${path}.new`, text('two'));
      renameSync(`${path}.new`, path);
    };
  };
  /** As Kubernetes does it: gateway.yaml -> ..data/gateway.yaml, and ..data -> a folder of each version. */
  const byConfigMap = (path: string) => {
    const version = (name: string, body: string) => {
      mkdirSync(join(folder, name));
      writeFileSync(join(folder, name, 'gateway.yaml'), text(body));
    };
    version('..v1', 'one');
    symlinkSync('..v1', join(folder, '..data'));
    symlinkSync(join('..data', 'gateway.yaml'), path);
    return () => {
      version('..v2', 'two');
      symlinkSync('..v2', join(folder, '..data_tmp'));
      renameSync(join(folder, '..data_tmp'), join(folder, '..data'));
      rmSync(join(folder, '..v1'), { recursive: true });
    };
  };

  test.each([
    ['written in place', inPlace],
    ['replaced by a rename', byRename],
    ['swapped as a ConfigMap', byConfigMap],
  ])('%s, and every worker serves it', async (_, prepare) => {
    const path = join(folder, 'gateway.yaml');
    const change = prepare(path);
    const gateway = await startGateway({ config: saying('unused'), args: ['-c', path], workers: 2 });
    const clients = await oneEach(gateway);
    expect(await askAll(clients)).toEqual(['one', 'one']);
    await gateway.waitForRequest({ path: '/probe', generation: 1 });
    const changedAt = performance.now();
    change();
    expect(await gateway.waitForLine(({ msg }) => msg === 'configuration applied')).toMatchObject({
      generation: 2,
    });
    // The README says: within a second. The machine may be busy.
    expect(performance.now() - changedAt).toBeLessThan(4_000);
    expect(await askAll(clients)).toEqual(['two', 'two']);
    await gateway.waitForRequest({ path: '/probe', generation: 2 });
    const metrics = await scrapeUntil(gateway, (each) => each.sum('sluice_config_generation') === 2);
    expect(metrics.table('sluice_config_applied')).toEqual([
      ['0', 2],
      ['1', 2],
    ]);
  });

  test('on SIGHUP, changed or not', async () => {
    const gateway = await startGateway({ config: saying('one') });
    process.kill(gateway.pid, 'SIGHUP');
    await gateway.waitForLine(({ msg }) => msg === 'configuration is unchanged');
    expect(await gateway.reload(saying('two'))).toMatchObject({ generation: 2 });
    expect(await (await fetch(gateway.url)).text()).toBe('two');
  });

  test('SIGHUP to the whole process group ends nobody', async () => {
    const gateway = await startGateway({ config: saying('one'), workers: 2 });
    const workers = gateway.workers();
    process.kill(-gateway.pid, 'SIGHUP');
    await gateway.waitForLine(({ msg }) => msg === 'configuration is unchanged');
    expect(await (await fetch(gateway.url)).text()).toBe('one');
    expect(gateway.workers()).toEqual(workers);
  });
});

describe('what cannot be served is refused, and the old one goes on', () => {
  test('a file with mistakes: the log names each', async () => {
    const gateway = await startGateway({ config: saying('one') });
    const line = await gateway.reload({ ...saying('two'), drian: '1s', drainDelay: 'soon' });
    expect(line['msg']).toBe('configuration refused: the old one goes on');
    expect(line['mistakes']).toEqual([
      expect.stringMatching(/gateway\.yaml:1:\d+ drian: unknown key "drian": did you mean "drain"\?$/),
      expect.stringMatching(/gateway\.yaml:1:\d+ drainDelay: .*duration/),
    ]);
    expect((await gateway.reload('version: ['))['msg']).toMatch('refused');
    expect(await (await fetch(gateway.url)).text()).toBe('one');
    expect(await gateway.reload(saying('three'))).toMatchObject({ generation: 2 });
  });

  test('restart-only keys are named', async () => {
    const base = {
      ...saying('one'),
      listen: { http: { host: '127.0.0.1', port: 0 } },
      admin: { port: 0 },
      workers: 1,
    };
    const gateway = await startGateway({ config: base });
    const line = await gateway.reload({
      ...saying('two'),
      listen: { http: { host: '127.0.0.2', port: 0 } },
      admin: { host: '::1', port: 1 },
      workers: 2,
      limits: { headerBytes: '32KB' },
    });
    expect(line['keys']).toEqual([
      'listen.http.host',
      'admin.host',
      'admin.port',
      'workers',
      'limits.headerBytes',
    ]);
    expect(line['reason']).toBe(
      'a restart is needed to change listen.http.host, admin.host, admin.port, workers, limits.headerBytes',
    );
    expect(await (await fetch(gateway.url)).text()).toBe('one');
    expect(await gateway.reload({ ...base, ...saying('two') })).toMatchObject({ generation: 2 });
  });
});

describe('under load', () => {
  /** Enough for 200 reloads on a quiet machine. */
  const BUDGET_MS = 6000;
  /** Leaves the workers time to reload: a saturated machine would see few of them. */
  const THINK_MS = 3;

  test('hundreds of reloads fail no request, drop no connection and keep the pools of what did not change', async () => {
    const [api, other] = [await startOrigin(), await startOrigin()];
    const config = (turn: number) => ({
      version: 1,
      log: { access: false },
      upstreams: [
        { id: 'api', targets: [{ url: api.url }] },
        // Another target list each time: its pools come and go.
        {
          id: 'other',
          targets: [{ url: other.url, weight: 1 + (turn % 3) }],
          timeouts: { idle: `${5 + turn}s` },
        },
      ],
      routes: [
        { id: 'api', match: { paths: ['/api/*'] }, upstream: 'api' },
        { id: 'other', match: { paths: ['/other/*'] }, upstream: 'other' },
        { id: 'own', match: { paths: ['/own/*'] }, respond: { body: String(turn) } },
      ],
      policies: { headers: { response: { set: { 'x-turn': String(turn) } } } },
    });
    const gateway = await startGateway({ config: config(0), workers: 2 });
    const { port } = gateway;
    const turns = new Set<string>();
    const often = { port, think: THINK_MS };
    const seen = (reply: WireReply) => turns.add(reply.get('x-turn') ?? '');
    const kept = [
      ...(await steady(4, { ...often, path: '/api/x', seen })),
      ...(await steady(2, { ...often, path: '/other/x' })),
      ...(await steady(2, { ...often, path: '/own/x' })),
    ];
    const clients = [...kept, ...(await steady(1, { ...often, path: '/own/fresh', fresh: true }))];

    const until = performance.now() + BUDGET_MS;
    let turn = 0;
    while (turn < 200 && performance.now() < until) {
      turn += 1;
      expect((await gateway.reload(config(turn)))['generation']).toBe(turn + 1);
    }
    await Promise.all(clients.map((client) => client.stop()));

    expect(turn).toBeGreaterThan(20);
    expect(failuresOf(clients)).toEqual([]);
    expect(kept.filter(({ dismissed }) => dismissed)).toEqual([]);
    expect(clients.every(({ answers }) => answers.length > turn / 10)).toBe(true);
    expect(turns.size).toBeGreaterThan(10);
    // One connection for each client that may ask at the same time; a pool that is lost would dial again.
    expect(api.connections).toBeLessThanOrEqual(4);
    expect(other.connections).toBeGreaterThan(10);
  });

  test('a worker that dies meanwhile is replaced by one that serves the newest', async () => {
    const gateway = await startGateway({ config: saying('0'), workers: 2 });
    let turn = 0;
    const reload = async () => {
      turn += 1;
      expect((await gateway.reload(saying(String(turn))))['generation']).toBe(turn + 1);
    };
    await reload();
    const victim = gateway.workers()[0]!;
    process.kill(victim, 'SIGKILL');
    while (!gateway.lines.some(({ msg }) => msg === 'worker died') || turn < 10) await reload();
    await scrapeUntil(gateway, (each) =>
      each.table('sluice_config_applied').every(([, generation]) => generation === turn + 1),
    );
    expect(gateway.workers()).toHaveLength(2);
    expect(await askAll(await oneEach(gateway))).toEqual([String(turn), String(turn)]);
  });

  test('a request that runs when its upstream is removed is finished', async () => {
    let answer = () => {};
    const slow = await startOrigin((_, response) => {
      response.writeHead(200, { 'content-length': '8' });
      response.write('half');
      answer = () => response.end('done');
    });
    const gateway = await startGateway({
      config: {
        version: 1,
        upstreams: [{ id: 'slow', targets: [{ url: slow.url }] }],
        routes: [{ id: 'slow', match: { paths: ['/slow'] }, upstream: 'slow' }],
      },
    });
    const client = await connect(gateway.port);
    await client.send(get('/slow'));
    await client.until(() => (client.received.includes('half') ? true : null));
    expect(await gateway.reload(saying('other'))).toMatchObject({ generation: 2 });
    expect(await (await fetch(`${gateway.url}/slow`)).text()).toBe('other');
    answer();
    expect((await client.reply()).body.toString()).toBe('halfdone');
    // The generation that served it, and on the same connection the next one.
    expect(await gateway.waitForRequest({ path: '/slow', upstream: 'slow' })).toMatchObject({
      generation: 1,
    });
    await client.send(get('/slow'));
    expect((await client.reply()).body.toString()).toBe('other');
    expect(slow.requests).toHaveLength(1);
  });
});
