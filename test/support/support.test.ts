import { once } from 'node:events';
import { createServer as createTlsServer } from 'node:tls';
import { PassThrough } from 'node:stream';
import type { AddressInfo } from 'node:net';
import { spawn } from 'node:child_process';
import { expect, test } from 'vitest';
import { createAuthority } from './certs.ts';
import { atEnd } from './cleanup.ts';
import { runLoad } from './load.ts';
import { LogLines } from './log-lines.ts';
import { startOrigin, startTcpOrigin } from './origin.ts';
import { freePort } from './ports.ts';
import * as proc from './proc.ts';
import { connect } from './raw.ts';

test('a raw client sends cut bytes and takes one reply after the other', async () => {
  const origin = await startOrigin((request, response) => response.end(request.url));
  const client = await connect(origin.port);
  await client.sendCut(
    'GET /a HTTP/1.1\r\nHost: x\r\n\r\nGET /b HTTP/1.1\r\nHost: x\r\nX-Y: z\r\n\r\n',
    1,
    5,
    29,
  );
  expect((await client.reply()).body.toString()).toBe('/a');
  expect((await client.reply()).body.toString()).toBe('/b');
  expect(origin.requests[1]?.get('x-y')).toEqual(['z']);
  expect(origin.connections).toBe(1);
});

test('an origin records bodies', async () => {
  const origin = await startOrigin();
  const client = await connect(origin.port);
  await client.send('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n', 'he', 'llo');
  expect((await client.reply()).status).toBe(200);
  expect(String(await origin.requests[0]?.body)).toBe('hello');
});

test('a raw client sees the close, and says so when it waits for more', async () => {
  const origin = await startTcpOrigin((socket) => socket.end('HTTP/1.1 200 OK\r\n\r\nuntil the end'));
  const client = await connect(origin.port);
  expect(await client.reply()).toMatchObject({ framing: 'close', status: 200 });
  await expect(client.reply()).rejects.toThrow('closed');
  expect((await client.untilClosed()).length).toBe(0);
});

test('certificates of the test authority are good for TLS', async () => {
  const authority = await createAuthority();
  const { cert, key } = await authority.issue('a.example', '127.0.0.1');
  const server = createTlsServer({ cert, key }, (socket) => socket.end('HTTP/1.1 204 No Content\r\n\r\n'));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  atEnd(() => void server.close());
  const { port } = server.address() as AddressInfo;
  const client = await connect(port, { tls: { serverName: 'a.example', ca: authority.cert } });
  expect((await client.reply()).status).toBe(204);
  await expect(connect(port, { tls: { serverName: 'b.example', ca: authority.cert } })).rejects.toThrow(
    'altname',
  );
});

test('load is put on a server and measured', async () => {
  const origin = await startOrigin((request, response) =>
    response.end(String(request.headers.authorization?.length)),
  );
  const result = await runLoad({ url: origin.url, seconds: 1, connections: 4, fields: 'browser' });
  expect(result.requests).toBeGreaterThan(100);
  expect(result.errors).toEqual({ connect: 0, read: 0, write: 0, status: 0, timeout: 0 });
  expect(origin.requests[0]?.get('authorization')[0]).toHaveLength(707);
});

test('log lines are waited for, also when cut, and a wait ends with the process', async () => {
  const log = new LogLines();
  const stream = new PassThrough();
  log.collect(stream);
  const later = log.waitFor(({ msg }) => msg === 'b', 5000);
  stream.write('not json\n{"msg":"a"}\n{"ms');
  stream.write('g":"b"}\n');
  expect(await later).toEqual({ msg: 'b' });
  expect(await log.waitFor(({ msg }) => msg === 'a', 0)).toEqual({ msg: 'a' });
  const never = log.waitFor(({ msg }) => msg === 'c', 5000);
  log.end('it ended');
  await expect(never).rejects.toThrow('it ended');
});

test('processes are looked at through /proc', async () => {
  const child = spawn(process.execPath, ['-e', 'for (;;);']);
  const { pid = 0 } = child;
  await expect.poll(() => proc.cpu(pid)).toBeGreaterThan(50);
  expect(proc.rss(pid)).toBeGreaterThan(10_000_000);
  expect(proc.children(process.pid)).toContain(pid);
  expect(proc.isAlive(pid)).toBe(true);
  child.kill('SIGKILL');
  await once(child, 'exit');
  expect(proc.isAlive(pid)).toBe(false);
  expect(proc.rss(pid)).toBe(0);
});

test('free ports are free', async () => {
  expect(await freePort()).toBeGreaterThan(1023);
});
