import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createAuthority } from '../support/certs.ts';
import { atEnd } from '../support/cleanup.ts';
import { startGateway, type Gateway, type GatewayOptions } from '../support/gateway.ts';
import { connect } from '../support/raw.ts';
import { PATIENCE } from './edge-support.ts';
import { securePort } from './secure.ts';

const config = { version: 1, routes: [{ id: 'all', match: { paths: ['/*'] }, respond: { body: 'own' } }] };

/** Only node:http serves HTTP/1.0. */
const OLD = 'GET / HTTP/1.0\r\nHost: own.example\r\n\r\n';

async function kindOf(port: number, ca?: string): Promise<'uws' | 'node'> {
  const tls = ca === undefined ? {} : { tls: { serverName: 'own.example', ca } };
  using client = await connect(port, tls);
  await client.send(OLD);
  return (await client.reply('GET', PATIENCE)).status === 200 ? 'node' : 'uws';
}

/** Runs a script in every process of the gateway before anything else. */
function preloaded(script: string): Pick<GatewayOptions, 'config' | 'env'> {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-test-'));
  atEnd(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'first.cjs');
  writeFileSync(file, script);
  return { config, env: { NODE_OPTIONS: `--require ${file}` } };
}

const refusals = (gateway: Gateway) => gateway.lines.filter(({ msg }) => /uWebSockets\.js/.test(String(msg)));

const MISSING = `
  const loader = require('node:module');
  const resolve = loader._resolveFilename;
  loader._resolveFilename = function (name, ...rest) {
    if (name === 'uWebSockets.js') throw new Error('Cannot find module');
    return resolve.call(this, name, ...rest);
  };`;

/** A build that hides field names with an underscore, whichever way it is loaded. */
const LOOSE = `
  const open = process.dlopen;
  process.dlopen = (holder, ...rest) => {
    open(holder, ...rest);
    const { App } = holder.exports;
    if (App === undefined) return;
    holder.exports.App = () => {
      const app = App();
      const { any } = app;
      app.any = (pattern, handler) => any.call(app, pattern, (res, req) => {
        const { forEach } = req;
        req.forEach = (each) => forEach.call(req, (name, value) => name.includes('_') || each(name, value));
        handler(res, req);
      });
      return app;
    };
  };`;

describe('the edge that serves', () => {
  test.each([
    ['the default', undefined, undefined, 'uws'],
    ['the listener', 'node', undefined, 'node'],
    ['SLUICE_EDGE', undefined, 'node', 'node'],
    ['SLUICE_EDGE, over the listener', 'node', 'uws', 'uws'],
  ] as const)('is chosen by %s', async (_, edge, wish, kind) => {
    const gateway = await startGateway({
      config: { ...config, ...(edge && { listen: { http: { edge } } }) },
      env: wish === undefined ? {} : { SLUICE_EDGE: wish },
    });
    expect(await kindOf(gateway.port)).toBe(kind);
    expect(refusals(gateway)).toEqual([]);
  });

  test('may differ between two listeners', async () => {
    const authority = await createAuthority();
    const { certFile, keyFile } = await authority.issue('own.example');
    const https = { port: 0, certificates: [{ cert: certFile, key: keyFile }], edge: 'node' };
    const gateway = await startGateway({ config: { ...config, listen: { http: { port: 0 }, https } } });
    expect(await kindOf(gateway.port)).toBe('uws');
    expect(await kindOf(await securePort(gateway), authority.cert)).toBe('node');
  });

  test.each([
    ['is not installed', MISSING, 'the package uWebSockets.js is not installed'],
    ['fails its self-test', LOOSE, 'a field name with an underscore does not arrive'],
  ])('is node:http where uWebSockets.js %s, with one line that tells why', async (_, script, reason) => {
    const gateway = await startGateway({ ...preloaded(script), workers: 2 });
    expect(await kindOf(gateway.port)).toBe('node');
    expect(refusals(gateway)).toEqual([expect.objectContaining({ level: 'warn', reason })]);
  });
});

test.each(['uws', 'node'])('all workers share the port of the %s edge', async (edge) => {
  const gateway = await startGateway({ config, workers: 2, env: { SLUICE_EDGE: edge } });
  const workers = gateway.workers();
  expect(workers).toHaveLength(2);
  for (const pid of workers) {
    const other = workers.find((each) => each !== pid)!;
    process.kill(other, 'SIGSTOP');
    atEnd(() => void process.kill(other, 'SIGCONT'));
    // Some connections wait in the queue of the worker that stands still; the others are served.
    const asked = Array.from({ length: 20 }, async () => (await fetch(`${gateway.url}/`)).status);
    expect(await Promise.any(asked)).toBe(200);
    process.kill(other, 'SIGCONT');
    expect(await Promise.all(asked)).toEqual(asked.map(() => 200));
  }
});
