// Sends every HTTP/1.1 vector of the shared corpus through the built gateway, once per edge, and compares what
// fails with known-failures.json. That list can only shrink: a new failure is an error, and so is a listed one
// that passes. A message that desynchronises a connection or gives rise to a second request is always an error.
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const root = join(import.meta.dirname, '..', '..');
const corpus = join(root, '..', 'shared', 'corpora');
const known = JSON.parse(readFileSync(join(import.meta.dirname, 'known-failures.json'), 'utf8'));
const GUARDED = ['desync', 'extra-request'];

async function main() {
  if (!existsSync(corpus)) {
    console.log('conformance: skipped, there is no corpus beside the repository');
    return;
  }
  let clean = true;
  for (const edge of Object.keys(known)) clean = judge(edge, await run(edge)) && clean;
  process.exitCode = clean ? 0 : 1;
}

/** Runs all vectors against one edge; gives what the runner found. */
async function run(edge) {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-conformance-'));
  const origin = await freePort();
  const gateway = await startGateway(edge, origin, folder);
  const out = join(folder, 'out.json');
  try {
    await finished(
      start(
        [join(corpus, 'run-http1.mjs'), '--target', gateway.address, '--origin-port', origin, '--out', out],
        ['ignore', 'ignore', 'inherit'],
      ),
    );
    return JSON.parse(readFileSync(out, 'utf8'));
  } finally {
    gateway.child.kill('SIGKILL');
    await new Promise((resolve) => gateway.child.once('close', resolve));
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Prints one edge's table; true = nothing but what is listed, and all of that, fails. */
function judge(edge, { rows, verdict }) {
  const failed = rows.filter((row) => row.verdict !== 'pass');
  const listed = known[edge];
  const total = Object.entries(verdict).map(([name, count]) => `${count} ${name}`);
  console.log(`\n${edge}: ${rows.length} vectors, ${total.join(', ')}`);
  for (const { id, verdict: how, outcome, status } of failed) {
    const reason = listed[id] ?? 'NOT LISTED';
    console.log(`  ${how.padEnd(5)} ${id.padEnd(44)} ${outcome} ${status.join(',')}  ${reason}`);
  }
  const passing = Object.keys(listed).filter((id) => !failed.some((row) => row.id === id));
  for (const id of passing) console.log(`  listed, but it passes: ${id}`);
  const guarded = rows.filter(({ outcome }) => GUARDED.includes(outcome));
  for (const { id, outcome } of guarded) console.log(`  ${outcome}: ${id}`);
  return failed.every(({ id }) => id in listed) && passing.length === 0 && guarded.length === 0;
}

async function startGateway(edge, originPort, folder) {
  const config = {
    version: 1,
    workers: 1,
    log: { access: false },
    listen: { http: { host: '127.0.0.1', port: 0, edge } },
    admin: { port: 0 },
    // The runner waits for 700 ms: what ends with the body's time-out must do so before.
    limits: { bodyTimeout: '400ms' },
    upstreams: [{ id: 'origin', targets: [{ url: `http://127.0.0.1:${originPort}` }] }],
    routes: [{ id: 'all', match: { paths: ['/*'] }, upstream: 'origin' }],
  };
  const file = join(folder, 'gateway.yaml');
  writeFileSync(file, JSON.stringify(config));
  const child = start([join(root, 'dist', 'cli.js'), 'run', '-c', file], ['ignore', 'pipe', 'inherit']);
  for await (const line of createInterface({ input: child.stdout })) {
    const event = line.startsWith('{') ? JSON.parse(line) : {};
    if (event.msg !== 'listening') continue;
    child.stdout.resume();
    return { child, address: new URL(event.http).host };
  }
  throw new Error(`the gateway did not start on edge ${edge}`);
}

function start(args, stdio) {
  const own = Object.entries(process.env).filter(([name]) => !name.startsWith('SLUICE_'));
  return spawn(process.execPath, args.map(String), { stdio, env: Object.fromEntries(own) });
}

function finished(child) {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) =>
      code === 0 ? resolve() : reject(new Error(`the runner ended with ${code}`)),
    );
  });
}

function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

await main();
