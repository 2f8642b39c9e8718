import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { loadAddon, type UwsApp } from '../../src/edge/addon.ts';
import type { ReceiveWindow } from '../../src/edge/receive-window.ts';
import { listenLocally } from '../../src/edge/selftest.ts';
import { receiveWindow } from '../../src/edge/window-probe.ts';
import { connect } from '../support/raw.ts';

const cacheDir = mkdtempSync(join(tmpdir(), 'sluice-window-'));
const uws = loadAddon({ cacheDir, headerBytes: 16_384 });
let window!: ReceiveWindow;
let app!: UwsApp;
let port = 0;
/** Where each request was found, and what stands there. */
const found: { at: number; text: string }[] = [];

beforeAll(async () => {
  window = (await receiveWindow(uws))!;
  app = uws.App();
  app.any('/*', (res, req) => {
    const method = req.getCaseSensitiveMethod();
    const at = window.locate(req, method);
    const text = at < 0 ? '' : Buffer.from(window.memory).toString('latin1', at, at + 400);
    const head = text.slice(0, text.indexOf('\r\n\r\n') + 4);
    if (at >= 0) window.ended(at + head.length);
    found.push({ at, text: head });
    res.onAborted(() => undefined);
    res.onData((_, last) => last && res.end(method));
  });
  port = await listenLocally(uws, app);
});
afterAll(() => {
  app.close();
  rmSync(cacheDir, { recursive: true, force: true });
});

/** Sends each part in a segment of its own: this very loop has read it before the next one goes. */
async function send(...parts: string[]): Promise<typeof found> {
  found.length = 0;
  using client = await connect(port);
  for (const part of parts) {
    await client.send(part);
    for (let turn = 0; turn < TURNS; turn++) await nextTurn();
  }
  const heads = parts.join('').split('\r\n\r\n').length - 1;
  await expect.poll(() => found.length).toBe(heads);
  return [...found];
}
const TURNS = 8;

const get = (path: string, ...fields: string[]) =>
  ['GET ' + path + ' HTTP/1.1', 'host: w', ...fields, '', ''].join('\r\n');

test('the memory is found at once, and more than any head of it', async () => {
  expect(window.memory.byteLength).toBeGreaterThanOrEqual(32_768);
  expect(await receiveWindow(uws)).toBe(window);
});

test('a head that came whole lies at the beginning', async () => {
  expect(await send(get('/one', 'x-a: 1'))).toEqual([{ at: 0, text: get('/one', 'x-a: 1') }]);
});

test('requests that came together are each found', async () => {
  const first = get('/1');
  const second = get('/2', 'x-b: 2');
  expect(await send(first + second + get('/3'))).toEqual([
    { at: 0, text: first },
    { at: first.length, text: second },
    { at: first.length + second.length, text: get('/3') },
  ]);
});

const EVIL = 'GET /evil HTTP/1.1\r\nx-evil: 1\r\n\r\n';

test.each([
  ['in the request line', 'GET /a', 'bc HTTP/1.1\r\nhost: w\r\n\r\n'],
  ['in a field', 'GET / HTTP/1.1\r\nhost: w\r\nx-a: ', 'b\r\n\r\n'],
  ['before the blank line', 'GET / HTTP/1.1\r\nhost: w\r\n', '\r\n'],
  ['where the rest looks like a request', 'GET /a HTTP/1.1\r\nhost: w\r\nx-a: ', EVIL],
  ['where the rest has the same line', 'GET /a HTTP/1.1\r\nhost: w\r\nx-a: ', EVIL.replace('evil', 'a')],
])('a head that came in two pieces, cut %s, is not', async (_, ...parts) => {
  // What lies in the memory from the last request is one that fits as well.
  await send(get('/evil'));
  expect(await send(...parts)).toEqual([{ at: -1, text: '' }]);
});

test('a method that differs in one bit is not taken for the other', async () => {
  await send(get('/'));
  const other = get('/').replace('GET', 'FET');
  expect(await send('F', other.slice(1))).toEqual([{ at: -1, text: '' }]);
  expect(await send(other)).toEqual([{ at: 0, text: other }]);
});
