// Sends the vectors of the shared corpora through the built gateway: tokens (jwt.mjs), and every HTTP/1.1 message,
// once per edge. Of these it compares what
// fails with known-failures.json. That list can only shrink: a new failure is an error, and so is a listed one
// that passes. A message that desynchronises a connection or gives rise to a second request is always an error.
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { corpus, finished, start, startGateway } from './gateway.mjs';
import { runJwt } from './jwt.mjs';

const known = JSON.parse(readFileSync(join(import.meta.dirname, 'known-failures.json'), 'utf8'));
const GUARDED = ['desync', 'extra-request'];

async function main() {
  if (!existsSync(corpus)) {
    // Where it is always at hand, nothing may pass without it.
    if (process.env.CONFORMANCE === 'required') process.exitCode = 1;
    console.log('conformance: skipped, there is no corpus beside the repository');
    return;
  }
  let clean = true;
  for (const edge of Object.keys(known)) clean = judge(edge, await run(edge)) && clean;
  clean = (await runJwt()) && clean;
  process.exitCode = clean ? 0 : 1;
}

/** Runs all vectors against one edge; gives what the runner found. */
async function run(edge) {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-conformance-'));
  const origin = await freePort();
  const gateway = await startGateway(
    {
      listen: { http: { host: '127.0.0.1', port: 0, edge } },
      // The runner waits for 700 ms: what ends with the body's time-out must do so before.
      limits: { bodyTimeout: '400ms' },
      upstreams: [{ id: 'origin', targets: [{ url: `http://127.0.0.1:${origin}` }] }],
      routes: [{ id: 'all', match: { paths: ['/*'] }, upstream: 'origin' }],
    },
    folder,
  );
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

function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

await main();
