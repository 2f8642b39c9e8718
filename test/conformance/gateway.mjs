import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const root = join(import.meta.dirname, '..', '..');
/** The shared corpora lie beside the repository, where they are at hand. */
export const corpus = join(root, '..', 'shared', 'corpora');

/** Starts the built gateway with one worker on free ports; `config` adds to that. */
export async function startGateway(config, folder) {
  const whole = {
    version: 1,
    workers: 1,
    log: { access: false },
    listen: { http: { host: '127.0.0.1', port: 0 } },
    admin: { port: 0 },
    ...config,
  };
  const file = join(folder, 'gateway.yaml');
  writeFileSync(file, JSON.stringify(whole));
  const child = start([join(root, 'dist', 'cli.js'), 'run', '-c', file], ['ignore', 'pipe', 'inherit']);
  for await (const line of createInterface({ input: child.stdout })) {
    const event = line.startsWith('{') ? JSON.parse(line) : {};
    if (event.msg !== 'listening') continue;
    child.stdout.resume();
    return { child, address: new URL(event.http).host };
  }
  throw new Error('the gateway did not start');
}

/** Runs a program of Node without the gateway's own variables. */
export function start(args, stdio) {
  const own = Object.entries(process.env).filter(([name]) => !name.startsWith('SLUICE_'));
  return spawn(process.execPath, args.map(String), { stdio, env: Object.fromEntries(own) });
}

/** Resolves when a program has ended; `anyhow` = whatever it makes of its task. */
export function finished(child, anyhow = false) {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) =>
      code === 0 || anyhow ? resolve() : reject(new Error(`the program ended with ${code}`)),
    );
  });
}
