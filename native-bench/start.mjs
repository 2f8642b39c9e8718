/**
 * Cold start and idle memory: how long from the spawn of `sluice run` to its `listening` event (every worker serves),
 * and what each process holds a moment later. STARTS=5 WORKERS=auto EDGE=uws.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const PAGE = 4096;
/** Time for workers to settle after their start: what is freed later would count as held. */
const SETTLE_MS = 2000;

const starts = Number(process.env.STARTS || 5);
const cli = join(import.meta.dirname, '..', 'dist', 'cli.js');
const folder = mkdtempSync(join(tmpdir(), 'sluice-start-'));
const file = join(folder, 'gateway.yaml');
writeFileSync(
  file,
  `version: 1
upstreams: [{ id: api, targets: [{ url: "http://127.0.0.1:9001" }] }]
routes:
  - { id: api, match: { paths: ["/api/*"] }, upstream: api }
  - { id: hello, match: { paths: ["/hello"] }, respond: { body: hello } }
policies: { request-id: {} }
`,
);

try {
  const times = [];
  for (let i = 1; i <= starts; i += 1) times.push(await start(i === starts));
  times.sort((a, b) => a - b);
  const [fastest, median] = [times[0], times[times.length >> 1]];
  console.log(
    `cold start  median ${median.toFixed(0)} ms, fastest ${fastest.toFixed(0)} ms (${starts} starts)`,
  );
} finally {
  rmSync(folder, { recursive: true });
}

/** @returns Milliseconds from spawn to `listening`. */
async function start(isLast) {
  const from = performance.now();
  const child = spawn(process.execPath, [cli, 'run', '-c', file], {
    env: {
      ...process.env,
      SLUICE_PORT: '0',
      SLUICE_ADMIN_PORT: '0',
      SLUICE_WORKERS: process.env.WORKERS || 'auto',
      SLUICE_EDGE: process.env.EDGE || 'uws',
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit');
  try {
    await Promise.race([listening(child), ended.then(() => Promise.reject(new Error('it ended')))]);
    const took = performance.now() - from;
    if (isLast) await tellMemory(child.pid);
    return took;
  } finally {
    child.kill('SIGTERM');
    await ended;
  }
}

async function listening(child) {
  let output = '';
  for await (const chunk of child.stdout.iterator({ destroyOnReturn: false })) {
    output += chunk;
    if (output.includes('"msg":"listening"')) return child.stdout.resume();
  }
}

async function tellMemory(pid) {
  await sleep(SETTLE_MS);
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ');
  const listed = [['primary', pid], ...children.map((each, i) => [`worker ${i}`, each])];
  for (const [name, each] of listed)
    console.log(`${name.padEnd(11)} RSS ${memory(each, 0)} MiB, not shared ${memory(each, 1)} MiB`);
}

/** Resident memory, and what of it is no file that processes share, in MiB. */
function memory(pid, minus) {
  const [, resident, shared] = readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ').map(Number);
  return (((resident - minus * shared) * PAGE) / 1024 / 1024).toFixed(1);
}
