import { afterEach, beforeEach, expect, test } from 'vitest';
import { registerProbes } from '../../src/admin/probes.ts';
import { makeAdmin } from '../../src/admin/server.ts';
import type { AdminServer } from '../../src/admin/server.ts';
import { request } from './request.ts';

let admin: AdminServer;
let base = '';
let status = 'starting';
let metrics: () => Promise<string> = () => Promise.resolve('');

beforeEach(async () => {
  admin = makeAdmin((app) => {
    registerProbes(app, {
      readiness: () => ({ status, generation: 1, workers: [1] }),
      metrics: () => metrics(),
      metricsType: 'text/plain; version=0.0.4; charset=utf-8',
    });
    app.post('/echo', (request, reply) => reply.send(request.body));
  });
  base = `http://127.0.0.1:${await admin.listen('127.0.0.1', 0)}`;
});

afterEach(() => admin.close());

test.each(['starting', 'behind', 'down', 'draining'])('readyz is 503 while %s and says so', async (now) => {
  status = now;
  const reply = await fetch(`${base}/readyz`);
  expect(reply.status).toBe(503);
  expect(await reply.json()).toEqual({ status: now, generation: 1, workers: [1] });
});

test('readyz is 200 when ready, for HEAD too, and no probe is cached', async () => {
  status = 'ready';
  for (const method of ['GET', 'HEAD']) {
    const reply = await fetch(`${base}/readyz`, { method });
    expect(reply.status).toBe(200);
    expect(reply.headers.get('cache-control')).toBe('no-store');
  }
});

test('what does not exist is a problem document', async () => {
  const reply = await fetch(`${base}/nothing`);
  expect(reply.status).toBe(404);
  expect(reply.headers.get('content-type')).toBe('application/problem+json');
  expect(await reply.json()).toMatchObject({ type: 'urn:sluice:problem:not_found', status: 404 });
});

test('a malformed request and an internal error are problem documents without internals', async () => {
  const headers = { 'content-type': 'application/json' };
  const malformed = await fetch(`${base}/echo`, { method: 'POST', headers, body: '{' });
  expect(malformed.status).toBe(400);
  expect(await malformed.json()).toMatchObject({ type: 'urn:sluice:problem:bad_request' });

  metrics = () => Promise.reject(new Error('secret at 10.0.0.1'));
  const failed = await fetch(`${base}/metrics`);
  expect(failed.status).toBe(500);
  const text = await failed.text();
  expect(JSON.parse(text)).toMatchObject({ type: 'urn:sluice:problem:internal', status: 500 });
  expect(text).not.toContain('secret');
});

test('a taken port is told as the system tells it', async () => {
  const other = makeAdmin(() => {});
  const port = Number(new URL(base).port);
  await expect(other.listen('127.0.0.1', port)).rejects.toMatchObject({ code: 'EADDRINUSE' });
  await other.close();
});

test('an idle keep-alive connection does not hold up the end', async () => {
  await (await fetch(`${base}/livez`)).text();
  const startedAt = performance.now();
  await admin.close();
  expect(performance.now() - startedAt).toBeLessThan(10_000);
});

test.each(['/%ff', '/a%zz', `/${'a'.repeat(9_000)}`])('%s names nothing', async (path) => {
  const reply = await request(Number(new URL(base).port), 'GET', path);
  expect(reply.status).toBe(404);
  expect(reply.headers['content-type']).toBe('application/problem+json');
  expect(reply.json).toMatchObject({ type: 'urn:sluice:problem:not_found', status: 404 });
  expect(reply.text).not.toContain('FST');
});
