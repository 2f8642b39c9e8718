import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { loadAddon, type ListenSocket, type UwsResponse } from '../../src/edge/addon.ts';
import { boundReceiveBuffer, socketsOpenedBy } from '../../src/edge/receive-buffer.ts';
import { atEnd } from '../support/cleanup.ts';

const KB = 1024;
const MB = 1024 * KB;
const folder = mkdtempSync(join(tmpdir(), 'sluice-edge-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A process of its own, so that it fills the connection while the addon reads. */
const CLIENT = `
  const [port, size] = process.argv.slice(1).map(Number);
  const socket = require('node:net').connect(port, '127.0.0.1');
  socket.write('POST / HTTP/1.1\\r\\nHost: t\\r\\nContent-Length: ' + size + '\\r\\n\\r\\n');
  const block = Buffer.alloc(256 * 1024);
  let left = size;
  const send = () => {
    while (left > 0) {
      left -= block.length;
      if (!socket.write(block)) return socket.once('drain', send);
    }
  };
  send();
`;

function upload(port: number, size: number): void {
  const client = spawn(process.execPath, ['-e', CLIENT, String(port), String(size)], { stdio: 'inherit' });
  atEnd(() => void client.kill('SIGKILL'));
}

test('little arrives of an upload after it was paused', async () => {
  const SIZE = 512 * MB;
  const uws = loadAddon({ cacheDir: folder });
  let most = 0;
  let finished = (): void => undefined;
  const complete = new Promise<void>((resolve) => (finished = resolve));

  function pauseAtEachPiece(res: UwsResponse): void {
    let since = -1;
    const resume = (): void => {
      most = Math.max(most, since);
      since = -1;
      res.resume();
    };
    res.onAborted(finished);
    res.onData((piece, last) => {
      if (last) {
        res.end();
        return finished();
      }
      if (since >= 0) return void (since += piece.byteLength);
      since = 0;
      res.pause();
      setTimeout(resume, 1);
    });
  }

  const app = uws.App().any('/*', pauseAtEachPiece);
  let listener: ListenSocket | false = false;
  const opened = socketsOpenedBy(() => void app.listen('127.0.0.1', 0, (socket) => (listener = socket)));
  atEnd(() => void app.close());
  expect(opened).toHaveLength(1);
  expect(boundReceiveBuffer(opened[0]!, 208 * KB)).toBe(true);
  upload(uws.us_socket_local_port(listener as unknown as ListenSocket), SIZE);
  await complete;
  expect(most).toBeLessThan(2 * MB);
});

test('sockets are told from what else is opened, and from those that were there', async () => {
  const [first, second] = [createServer(), createServer()];
  atEnd(() => void [first, second].forEach((server) => server.close()));
  await once(first.listen(0), 'listening');
  const opened = socketsOpenedBy(() => void second.listen(0));
  expect(opened).toEqual([(second as unknown as { _handle: { fd: number } })._handle.fd]);
  expect(socketsOpenedBy(() => undefined)).toEqual([]);
});

test('what is no socket has no receive buffer', () => {
  expect(boundReceiveBuffer(0xffff, 208 * KB)).toBe(false);
});

test('without koffi nothing is bounded', async () => {
  for (const file of ['edge/receive-buffer.ts', 'lib/libc.ts']) {
    mkdirSync(join(folder, dirname(file)), { recursive: true });
    copyFileSync(new URL(`../../src/${file}`, import.meta.url), join(folder, file));
  }
  const copy = join(folder, 'edge/receive-buffer.ts');
  const alone = (await import(copy)) as { boundReceiveBuffer: typeof boundReceiveBuffer };
  const server = createServer();
  atEnd(() => void server.close());
  const [fd] = socketsOpenedBy(() => void server.listen(0));
  expect(fd).toBeGreaterThan(2);
  expect(alone.boundReceiveBuffer(fd!, 208 * KB)).toBe(false);
});
