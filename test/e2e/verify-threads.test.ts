import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { startGateway, type Gateway, type GatewayOptions } from '../support/gateway.ts';

const config = (more: object) => ({
  version: 1,
  ...more,
  routes: [
    {
      id: 'r',
      match: { paths: ['/'] },
      respond: { body: 'in' },
      policies: { jwt: { issuers: [{ issuer: 'i', audience: 'a', secret: 's'.repeat(64) }] } },
    },
  ],
});

/** Threads of the only worker that yield to all others: nothing else of it is niced. */
function yielding(gateway: Gateway): number {
  const [worker] = gateway.workers();
  return readdirSync(`/proc/${worker!}/task`).filter((id) => {
    const stat = readFileSync(`/proc/${worker!}/task/${id}/stat`, 'utf8');
    return stat.replace(/^.*\) /s, '').split(' ')[16] === '19';
  }).length;
}

const cases: [name: string, options: Omit<GatewayOptions, 'workers'>, threads: number][] = [
  ['one unless something else is said', { config: config({}) }, 1],
  ['as many as the file says', { config: config({ verifyThreads: 2 }) }, 2],
  [
    'the environment goes before the file',
    { config: config({ verifyThreads: 2 }), env: { SLUICE_VERIFY_THREADS: '3' } },
    3,
  ],
];

test.runIf(process.platform === 'linux').each(cases)('%s', async (_, options, threads) => {
  const gateway = await startGateway({ workers: 1, ...options });
  await expect.poll(() => yielding(gateway)).toBe(threads);
});
