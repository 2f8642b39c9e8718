/**
 * Rounds cut into slices: every contestant's wrk runs the whole time, but only one of them at a time; the others are stopped.
 * What the machine does to its speed for a second or two then hits all of them alike, which whole turns do not achieve.
 * Tells CPU and requests only: answers that were under way when their wrk was stopped have no meaningful latency.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { bytesPerAnswer, checkSize, wrkCommand } from './load.mjs';
import { tree } from './processes.mjs';

/** Long enough for thousands of requests, short enough that the machine has one speed. */
const SLICE_MS = 100;
/** What was under way when wrk was stopped is answered by then. */
const DRAIN_MS = 5;

/** One round. `loads`: `{ name, pid, load, bytes }` each, where `bytes` is the size of an answer. Resolves with rows by name. */
export async function slicedRound(loads, seconds) {
  const turns = Math.ceil((seconds * 1000) / SLICE_MS);
  const wall = Math.ceil((turns * loads.length * (SLICE_MS + 4 * DRAIN_MS)) / 1000) + 2;
  const running = loads.map((each) => start(each, wall));
  try {
    await sleep(500);
    for (const each of running) each.child.kill('SIGSTOP');
    await sleep(10 * DRAIN_MS);
    for (let turn = 0; turn < turns; turn += 1) for (const each of running) await slice(each);
    for (const each of running) each.child.kill('SIGCONT');
    await Promise.all(running.map(({ done }) => done));
  } finally {
    for (const each of running) each.child.kill('SIGKILL');
  }
  return Object.fromEntries(running.map((each) => [each.name, row(each)]));
}

function start({ name, pid, load, bytes }, seconds) {
  const [command, args] = wrkCommand({ ...load, bodyFile: undefined, seconds, timeout: seconds });
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const each = { name, pid, child, bytes, cpu: 0, read: 0, wall: 0, text: '' };
  child.stdout.on('data', (chunk) => (each.text += chunk));
  each.done = once(child, 'exit');
  return each;
}

async function slice(each) {
  const cpu = cpuNanos(each.pid);
  const read = bytesRead(each.child.pid);
  const began = performance.now();
  each.child.kill('SIGCONT');
  await sleep(SLICE_MS);
  each.child.kill('SIGSTOP');
  each.wall += performance.now() - began;
  await sleep(DRAIN_MS);
  each.cpu += cpuNanos(each.pid) - cpu;
  each.read += bytesRead(each.child.pid) - read;
}

function row({ cpu, read, wall, text, bytes }) {
  const report = JSON.parse(text.trimEnd().split('\n').at(-1));
  checkSize(bytesPerAnswer(report), bytes);
  const requests = read / bytes;
  return { cpuPerRequest: cpu / 1000 / requests, perSecond: (requests / wall) * 1000 };
}

/** Time on a processor so far, of all threads of a process and its children, by the scheduler's count. */
function cpuNanos(pid) {
  let sum = 0;
  for (const one of tree(pid))
    for (const thread of readdirSync(`/proc/${one}/task`))
      sum += Number(readFileSync(`/proc/${one}/task/${thread}/schedstat`, 'utf8').split(' ')[0]);
  return sum;
}

/** What a process has read so far, from sockets too. */
const bytesRead = (pid) => Number(/^rchar: (\d+)/m.exec(readFileSync(`/proc/${pid}/io`, 'utf8'))[1]);
