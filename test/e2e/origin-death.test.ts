import { type ChildProcess, spawn } from 'node:child_process';
import { Agent, request } from 'node:http';
import { expect, test } from 'vitest';
import { atEnd } from '../support/cleanup.ts';
import { type Gateway, startGateway } from '../support/gateway.ts';

/** An origin in a process of its own, so that it can be killed or stopped as a whole. */
const PROGRAM = `
  const server = require('node:http').createServer({ keepAliveTimeout: 60000 }, (request, response) => {
    setTimeout(() => response.end('fine'), 5);
  });
  server.listen(0, '127.0.0.1', () => console.log(server.address().port));
`;

async function startProcess(): Promise<{ child: ChildProcess; url: string }> {
  const child = spawn(process.execPath, ['-e', PROGRAM], { stdio: ['ignore', 'pipe', 'inherit'] });
  atEnd(() => void child.kill('SIGKILL'));
  const port = await new Promise<string>((resolve) =>
    child.stdout.once('data', (text: Buffer) => resolve(text.toString().trim())),
  );
  return { child, url: `http://127.0.0.1:${port}` };
}

/** GETs over 32 connections for so long; counts what the client saw. */
async function load(gateway: Gateway, ms: number): Promise<{ total: number; failed: number }> {
  const agent = new Agent({ keepAlive: true, maxSockets: 32 });
  const end = performance.now() + ms;
  let total = 0;
  let failed = 0;
  const one = () =>
    new Promise<void>((resolve) => {
      const done = (bad: boolean) => {
        total++;
        if (bad) failed++;
        resolve();
      };
      request(`${gateway.url}/`, { agent }, (reply) => {
        reply.on('end', () => done(reply.statusCode !== 200)).resume();
      })
        .on('error', () => done(true))
        .end();
    });
  const run = async () => {
    while (performance.now() < end) await one();
  };
  await Promise.all(Array.from({ length: 32 }, run));
  agent.destroy();
  return { total, failed };
}

test.each(['SIGKILL', 'SIGSTOP'] as const)(
  '%s of one origin of three under load: no GET fails visibly',
  { timeout: 60_000 },
  async (signal) => {
    const origins = await Promise.all([startProcess(), startProcess(), startProcess()]);
    const gateway = await startGateway({
      config: {
        version: 1,
        upstreams: [
          {
            id: 'o',
            targets: origins.map(({ url }) => ({ url })),
            timeouts: { connect: '2s', firstByte: '2s', request: '20s' },
            retry: { attempts: 3, on: ['connect', 'reset', 'timeout', 502, 503, 504], budget: '50%' },
            breaker: { open: '2s' },
          },
        ],
        routes: [{ id: 'all', match: { paths: ['/*'] }, upstream: 'o' }],
      },
    });
    const running = load(gateway, 6_000);
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    origins[0].child.kill(signal);
    const { total, failed } = await running;
    expect(total).toBeGreaterThan(500);
    expect(failed).toBe(0);
    expect(gateway.lines.some((line) => Number(line['attempts']) > 1)).toBe(true);
  },
);
