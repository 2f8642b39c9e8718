import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { inertServices } from '../../src/lib/inert.ts';
import { envelope } from '../../src/contracts/config.ts';
import { loadAddon, type UwsApp } from '../../src/edge/addon.ts';
import type { Edge, EdgeOptions } from '../../src/edge/edge.ts';
import { NodeEdge } from '../../src/edge/node.ts';
import { UwsEdge } from '../../src/edge/uws.ts';
import { compile } from '../../src/runtime/compile.ts';
import { Keep } from '../../src/runtime/keep.ts';
import { Recorder } from '../../src/runtime/observer.ts';
import { Upstreams } from '../../src/runtime/upstreams.ts';
import { Meter } from '../../src/observe/metrics.ts';
import { atEnd } from '../support/cleanup.ts';
import { freePort } from '../support/ports.ts';
import { connect } from '../support/raw.ts';
import { openDoor } from './door-support.ts';

const cacheDir = mkdtempSync(join(tmpdir(), 'sluice-edge-'));
afterAll(() => rmSync(cacheDir, { recursive: true, force: true }));
const uws = loadAddon({ cacheDir, headerBytes: 16_384 });

const config = envelope.parse({
  version: 1,
  routes: [{ id: 'own', match: { paths: ['/*'] }, respond: { body: 'own' } }],
});
const runtime = compile(
  { generation: 1, config },
  {
    upstreams: new Upstreams(new Keep()),
    observer: new Recorder(new Meter(), () => undefined),
    services: inertServices,
  },
);

async function listening(make: (options: EdgeOptions) => Edge, maxConnections = 100): Promise<number> {
  const port = await freePort();
  const edge = make({
    host: '127.0.0.1',
    port,
    tls: null,
    runtime: () => runtime,
    timeouts: { header: 10_000, idle: 60_000 },
    headerBytes: 16_384,
    maxConnections,
    door: openDoor(),
    receiveBuffer: 212_992,
    warn: () => undefined,
  });
  await edge.listen();
  atEnd(() => {
    edge.stopListening();
    edge.close();
  });
  return port;
}

/** The module of a build that has only what its authors document. */
const official = {
  ...uws,
  App(): UwsApp {
    const app = uws.App();
    const kind = { ...Object.getOwnPropertyDescriptors(Object.getPrototypeOf(app) as object) };
    delete kind['setIdleTimeout'];
    delete kind['setResponseTimeout'];
    return Object.setPrototypeOf(app, Object.create(null, kind) as object) as UwsApp;
  },
};

const EDGES: Record<string, (options: EdgeOptions) => Edge> = {
  uws: (options) => new UwsEdge(uws, options, true),
  'uws without the methods of this build': (options) => new UwsEdge(official, options, true),
  'uws that writes no block': (options) => new UwsEdge(uws, options, false),
  node: (options) => new NodeEdge(options),
};

const GET = 'GET / HTTP/1.1\r\nHost: test\r\n\r\n';

describe.each(Object.entries(EDGES))('the edge %s', (_, make) => {
  test('serves', async () => {
    const client = await connect(await listening(make));
    for (let i = 0; i < 3; i++) {
      await client.send(GET);
      expect((await client.reply()).body.toString()).toBe('own');
    }
  });

  test('rule 12: closes connections beyond its limit, and takes others when some have gone', async () => {
    const port = await listening(make, 3);
    const clients = await Promise.all(Array.from({ length: 3 }, () => connect(port)));
    for (const client of clients) {
      await client.send(GET);
      expect(await client.reply()).toMatchObject({ status: 200 });
    }
    const surplus = await connect(port);
    expect(await surplus.untilClosed()).toHaveLength(0);
    for (const client of clients) client.destroy();
    const again = async () => {
      using client = await connect(port);
      await client.send(GET);
      return (await client.reply()).status;
    };
    await expect.poll(() => again().catch(() => 0)).toBe(200);
  });

  test('a port that is taken cannot be opened', async () => {
    const port = await listening((options) => new NodeEdge(options));
    const taken = make({
      host: '127.0.0.1',
      port,
      tls: null,
      runtime: () => runtime,
      timeouts: { header: 10_000, idle: 60_000 },
      headerBytes: 16_384,
      maxConnections: 3,
      door: openDoor(),
      receiveBuffer: 0,
      warn: () => undefined,
    });
    await expect(taken.listen()).rejects.toThrow();
  });
});

test('the official module has not the methods of this build', () => {
  expect('setIdleTimeout' in official.App()).toBe(false);
  expect('any' in official.App()).toBe(true);
});
