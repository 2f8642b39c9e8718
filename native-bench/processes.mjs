import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

const started = new Set();

/**
 * Starts a program pinned to cores (as of taskset: `0`, `0,1`), in a process group of its own; its output is kept for
 * error messages. `silent`: standard output is thrown away by the kernel, so that nobody pays for reading a log.
 */
export function startPinned(cores, command, args, { silent = false, env = {} } = {}) {
  const child = spawn('taskset', ['-c', String(cores), command, ...args], {
    stdio: ['ignore', silent ? 'ignore' : 'pipe', 'pipe'],
    detached: true,
    env: { ...process.env, ...env },
  });
  const process_ = { command, child, pid: child.pid, output: '', ended: once(child, 'exit') };
  const keep = (text) => (process_.output = (process_.output + text).slice(-4000));
  child.stdout?.on('data', keep);
  child.stderr.on('data', keep);
  started.add(process_);
  return process_;
}

/** Pins this process, all its threads, and what it starts from now on. */
export function pinSelf(core) {
  spawnSync('taskset', ['-a', '-cp', String(core), String(process.pid)], { stdio: 'ignore' });
}

/**
 * Lets a process's session go before all others of the machine, where the kernel groups by session and root asks.
 * What goes on between the threads of one session stays as it is.
 */
export function goFirst(pid) {
  try {
    writeFileSync(`/proc/${pid}/autogroup`, '-20');
  } catch {
    // Measured among all others, then.
  }
}

/** Stops everything that was started, children included; those that do not listen are killed after two seconds. */
export async function stopAll() {
  await Promise.all([...started].map(stop));
}

/** Stops one program and its children. */
export async function stop(process_) {
  started.delete(process_);
  signalGroup(process_, 'SIGTERM');
  await Promise.race([process_.ended, sleep(2000, undefined, { ref: false })]);
  signalGroup(process_, 'SIGKILL');
}

// The last resort, when this process ends in any other way than through its own finally.
process.once('exit', () => started.forEach((each) => signalGroup(each, 'SIGKILL')));

function signalGroup({ pid }, signal) {
  try {
    process.kill(-pid, signal);
  } catch {
    // Nobody of the group is left.
  }
}

/** Waits until something listens on the port; throws with the program's output when it ended or ten seconds passed. */
export async function untilListening(process_, port) {
  for (let tries = 0; tries < 200; tries += 1) {
    if (process_.child.exitCode !== null) break;
    if (await accepts(port)) return;
    await sleep(50);
  }
  throw new Error(`${process_.command} does not listen on ${port}:\n${process_.output}`);
}

function accepts(port) {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

const given = new Set();

/** A port that nobody listens on, and another one each time: the kernel may name the same twice. */
export async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  const again = given.has(port) ? freePort() : null;
  server.close();
  given.add(port);
  return (await again) ?? port;
}

/** A process and everything that it started, itself first. */
export function tree(pid) {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
    .trim()
    .split(' ')
    .filter(Boolean);
  return [pid, ...children.flatMap((each) => tree(Number(each)))];
}

/** CPU time of a process and its children so far, user and system, in microseconds (a tick of /proc is 10 ms). */
export function cpuMicros(pid) {
  return tree(pid).reduce((sum, each) => {
    const fields = readFileSync(`/proc/${each}/stat`, 'utf8').split(') ').at(-1).split(' ');
    return sum + (Number(fields[11]) + Number(fields[12])) * 10_000;
  }, 0);
}

/** Resident memory in MiB: of the largest process of a proxy, which is its worker, and of all its processes. */
export function residentMiB(pid) {
  const each = tree(pid).map(
    (one) => Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${one}/status`, 'utf8'))?.[1] ?? 0) / 1024,
  );
  return { worker: Math.max(...each), all: each.reduce((sum, one) => sum + one, 0) };
}
