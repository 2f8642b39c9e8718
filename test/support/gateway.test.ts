import { expect, test } from 'vitest';
import { runCli } from './cli.ts';
import { startGateway } from './gateway.ts';
import { isAlive } from './proc.ts';

const answering = (body: string) => ({
  version: 1,
  routes: [{ id: 'all', match: { paths: ['/*'] }, respond: { body } }],
});

let pids: number[] = [];

test('a gateway is started on free ports, asked, reloaded and looked into', async () => {
  const gateway = await startGateway({ config: answering('one'), workers: 2 });
  pids = [gateway.pid, ...gateway.workers()];
  expect(pids).toHaveLength(3);
  expect(await (await fetch(`${gateway.url}/x`)).text()).toBe('one');
  expect(await gateway.waitForRequest({ path: '/x' })).toMatchObject({ status: 200, route: 'all' });
  expect((await fetch(`${gateway.adminUrl}/readyz`)).status).toBe(200);

  expect((await gateway.reload({ version: 2 }))['msg']).toMatch('refused');
  expect((await gateway.reload(answering('two')))['msg']).toMatch('applied');
  expect(await (await fetch(`${gateway.url}/x`)).text()).toBe('two');
  expect(gateway.rss(gateway.pid)).toBeGreaterThan(10_000_000);
  expect(gateway.cpu(gateway.pid)).toBeGreaterThan(0);
});

test('it is gone with its workers when its test has ended', () => {
  expect(pids.filter(isAlive)).toEqual([]);
});

test('it stops with its exit code, and with the block that uses it', async () => {
  {
    await using gateway = await startGateway({ config: answering('x') });
    pids = [gateway.pid, ...gateway.workers()];
  }
  expect(pids.filter(isAlive)).toEqual([]);
  const gateway = await startGateway({ config: 'version: 1' });
  expect(await gateway.stop()).toBe(0);
});

test('why it did not start is told', async () => {
  await expect(startGateway({ config: { version: 7 } })).rejects.toThrow('version must be 1');
  const { code, stderr } = await runCli(['run', '-c', '/nowhere.yaml']);
  expect(code).toBe(1);
  expect(stderr).toContain('/nowhere.yaml');
});
