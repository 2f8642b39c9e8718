/** The load generators: wrk, and for one scenario autocannon. All run pinned, over kept connections unless told otherwise. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { FIELDS } from './fields.mjs';
import { cpuMicros } from './processes.mjs';

const run = promisify(execFile);
const script = join(import.meta.dirname, 'wrk.lua');
/** How far the bytes of an answer may be from those of the answers that were compared (limits tell changing numbers). */
const SIZE_TOLERANCE = 0.02;

/**
 * One pinned wrk thread. `fields`: as in wrk.lua; `tokens`: a file of bearer tokens, used in turn; `bodyFile`: every answer
 * is compared with it. Resolves with the report of wrk.lua.
 */
export async function wrk(load) {
  const { stdout } = await run(...wrkCommand(load), { timeout: (load.seconds + 15) * 1000 });
  return JSON.parse(stdout.trimEnd().split('\n').at(-1));
}

/** The program and its arguments. `timeout`: seconds after which an answer counts as missing. */
export function wrkCommand({ core, url, fields, seconds, tokens, bodyFile, connections, timeout = 2 }) {
  const shape = ['-t1', `-c${connections}`, `-d${seconds}s`, '--timeout', `${timeout}s`, '-s', script];
  const words = [fields, tokens ?? '-', ...(bodyFile ? [bodyFile] : [])];
  return ['taskset', ['-c', String(core), 'wrk', ...shape, url, '--', ...words]];
}

/** The same load from autocannon, which compares every body itself; the report has the shape of wrk's. */
export async function autocannon({ core, url, seconds, body, connections }) {
  const program = fileURLToPath(import.meta.resolve('autocannon'));
  const shape = ['-j', '-n', '-c', String(connections), '-d', String(seconds), '--expectBody', body];
  const fields = FIELDS.flatMap(([name, value]) => ['-H', `${name}: ${value}`]);
  const args = ['-c', String(core), process.execPath, program, ...shape, ...fields, url];
  const { stdout } = await run('taskset', args, { timeout: (seconds + 15) * 1000, maxBuffer: 1 << 24 });
  const { requests, duration, throughput, latency, errors, timeouts, mismatches, non2xx } =
    JSON.parse(stdout);
  return {
    requests: requests.total,
    seconds: duration,
    bytes: throughput.total,
    wrong: mismatches,
    p50: latency.p50,
    p99: latency.p99,
    p999: latency.p99_9,
    errors: { connect: errors, status: non2xx, timeout: timeouts },
  };
}

/** Throws when not every answer of a run was right; gives the bytes of one answer. */
export function bytesPerAnswer(report) {
  const failures = Object.values(report.errors).reduce((sum, each) => sum + each, 0);
  if (failures > 0 || report.wrong > 0 || report.requests === 0)
    throw new Error(`wrong answers: ${JSON.stringify(report)}`);
  return report.bytes / report.requests;
}

/** Throws when the mean size of answers is not that of those that were compared. */
export function checkSize(bytes, expected) {
  if (Math.abs(bytes / expected - 1) > SIZE_TOLERANCE)
    throw new Error(`answers of ${bytes.toFixed(1)} bytes instead of ${expected.toFixed(1)}`);
}

/** A short run in which every answer is compared, byte for byte; it warms the proxy up too. Gives the bytes of one answer. */
export async function verify(load) {
  return bytesPerAnswer(await wrk({ ...load, seconds: 1 }));
}

/**
 * One measured run: CPU microseconds of the proxy's processes per request, requests a second, latency in ms. Nothing is
 * compared by wrk here (that would slow it down), but no answer may fail, and their mean size must be `expectedBytes`;
 * autocannon compares every one, and counts bytes of bodies and heads in another way.
 */
export async function measure(pid, load, expectedBytes) {
  const generate = load.tool === 'autocannon' ? autocannon : wrk;
  const before = cpuMicros(pid);
  const report = await generate({ ...load, bodyFile: undefined });
  const cpu = cpuMicros(pid) - before;
  const bytes = bytesPerAnswer(report);
  if (expectedBytes !== undefined) checkSize(bytes, expectedBytes);
  return {
    cpuPerRequest: cpu / report.requests,
    perSecond: report.requests / report.seconds,
    p50: report.p50,
    p99: report.p99,
    p999: report.p999,
  };
}
