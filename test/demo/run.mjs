/**
 * `make run`: two demo origins in this process and the gateway as a child, until a signal comes or the gateway ends.
 * Ports: SLUICE_PORT, SLUICE_ADMIN_PORT, DEMO_ORIGIN_PORTS ("9001,9002").
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startOrigin } from './origin.mjs';

const root = join(import.meta.dirname, '..', '..');
const port = process.env.SLUICE_PORT || '8080';
const adminPort = process.env.SLUICE_ADMIN_PORT || '9080';
const originPorts = (process.env.DEMO_ORIGIN_PORTS || '9001,9002').split(',').map(Number);

let origins = [];
try {
  origins = await Promise.all(originPorts.map((each) => startOrigin(each)));
  // The gateway would say so too, but once per worker.
  await Promise.all([port, adminPort].map(assertFree));
} catch (error) {
  const variables = 'SLUICE_PORT, SLUICE_ADMIN_PORT and DEMO_ORIGIN_PORTS choose others';
  console.error(error.code === 'EADDRINUSE' ? `port ${error.port} is in use; ${variables}` : error.message);
  process.exit(1);
}

const gateway = spawn(process.execPath, ['dist/cli.js', 'run', '-c', 'config/demo.yaml'], {
  cwd: root,
  env: {
    ...process.env,
    SLUICE_PORT: port,
    SLUICE_ADMIN_PORT: adminPort,
    DEMO_ORIGIN_1: String(originPorts[0]),
    DEMO_ORIGIN_2: String(originPorts[1]),
  },
  stdio: ['ignore', 'inherit', 'inherit'],
  // A group of its own: Ctrl-C reaches it once, through us, and not a second time from the terminal.
  detached: true,
});
const ended = once(gateway, 'exit');
const isRunning = () => gateway.exitCode === null && gateway.signalCode === null;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => gateway.kill(signal === 'SIGHUP' ? 'SIGTERM' : signal));
}

const ready = await Promise.race([isReady(), ended.then(() => false)]);
if (ready) console.log(greeting());
else if (isRunning()) gateway.kill();

const [code] = await ended;
for (const origin of origins) origin.close().closeAllConnections();
process.exitCode = code ?? 1;

/** True once the gateway serves; false after 20 seconds. */
async function isReady() {
  for (let tries = 0; tries < 200 && isRunning(); tries += 1) {
    const reply = await fetch(`http://127.0.0.1:${adminPort}/readyz`).catch(() => null);
    if (reply?.ok) return true;
    await sleep(100);
  }
  return false;
}

async function assertFree(wanted) {
  const probe = createServer().listen(Number(wanted));
  await once(probe, 'listening');
  probe.close();
  await once(probe, 'close');
}

function greeting() {
  return `
  gateway  http://127.0.0.1:${port}
  admin    http://127.0.0.1:${adminPort}
  origins  ${originPorts.map((each) => `http://127.0.0.1:${each}`).join('  ')}

  curl -i http://127.0.0.1:${port}/hello/world
  curl -i http://127.0.0.1:${port}/api/users
  curl -s http://127.0.0.1:${adminPort}/metrics

  Ctrl-C stops everything.
`;
}
