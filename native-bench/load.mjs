import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { cpuMicros } from './processes.mjs';

const run = promisify(execFile);
const script = join(import.meta.dirname, 'wrk.lua');

/**
 * Load from one pinned wrk thread over kept connections (64 unless told). `tokens`: a file of bearer tokens, used in
 * turn. Resolves with the report of wrk.lua.
 */
export async function wrk({ core, url, fields, seconds, tokens, connections = 64 }) {
  const shape = ['-t1', `-c${connections}`, `-d${seconds}s`, '-s', script];
  const args = ['-c', String(core), 'wrk', ...shape, url, '--', fields, ...(tokens ? [tokens] : [])];
  const { stdout } = await run('taskset', args, { timeout: (seconds + 15) * 1000 });
  return JSON.parse(stdout.trimEnd().split('\n').at(-1));
}

/** One measured run: CPU microseconds of the serving process per request, requests a second, latency in ms. */
export async function measure(pid, load) {
  const before = cpuMicros(pid);
  const report = await wrk(load);
  const cpu = cpuMicros(pid) - before;
  const failures = Object.values(report.errors).reduce((sum, each) => sum + each, 0);
  if (failures > 0 || report.requests === 0) throw new Error(`failed requests: ${JSON.stringify(report)}`);
  return {
    cpuPerRequest: cpu / report.requests,
    perSecond: report.requests / report.seconds,
    p50: report.p50,
    p99: report.p99,
  };
}

/** Throws unless the proxy gives the right answer, so that nothing wrong is measured. */
export async function checkAnswer(url, expected, headers = {}) {
  const reply = await fetch(url, { headers, signal: AbortSignal.timeout(5000) });
  const body = await reply.text();
  if (reply.status !== 200 || body !== expected) {
    throw new Error(`${url} answered ${reply.status} ${JSON.stringify(body.slice(0, 200))}`);
  }
}
