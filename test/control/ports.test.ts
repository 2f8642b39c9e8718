import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { addressOf, probePort } from '../../src/control/ports.ts';

test('port 0 becomes a port that is free to be opened', async () => {
  const port = await probePort('127.0.0.1', 0);
  expect(port).toBeGreaterThan(0);
  expect(await probePort('127.0.0.1', port)).toBe(port);
});

test('a port that somebody listens on is refused in one line, also for another address of this machine', async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  for (const host of ['127.0.0.1', '0.0.0.0']) {
    await expect(probePort(host, port)).rejects.toThrow(
      `cannot listen on ${host}:${port}: the port is in use`,
    );
  }
  server.close();
});

test('an address of another machine', async () => {
  await expect(probePort('192.0.2.1', 0)).rejects.toThrow(
    'cannot listen on 192.0.2.1:0: this machine does not have that address',
  );
});

test('addresses are written as people write them', () => {
  expect(addressOf('0.0.0.0', 80)).toBe('0.0.0.0:80');
  expect(addressOf('::1', 80)).toBe('[::1]:80');
});
