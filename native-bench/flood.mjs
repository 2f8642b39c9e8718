/**
 * What a flood of forged tokens does to everybody else: latency of another route without it and under it, event-loop
 * lag and memory of the worker. The gateway has core 0, load and measuring have core 1. Run against dist:
 *   node native-bench/flood.mjs [TOKENS_A_SECOND ...]      (default 3000 10000)
 */
import { fork } from 'node:child_process';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, servingPid, startPinned, stopAll, untilListening } from './processes.mjs';

const SECONDS = 6;
const CONNECTIONS = 1_500;

async function main(rates) {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-flood-'));
  try {
    const { port, adminPort, pid, start } = await startGateway(folder);
    await probe(port, 2);
    const quiet = await probe(port, SECONDS);
    print('no flood', quiet, await lag(adminPort), rss(pid));
    for (const rate of rates.length > 0 ? rates : [3_000, 10_000]) {
      const child = fork(import.meta.filename, ['flood', JSON.stringify({ port, rate, start })]);
      const told = new Promise((resolve) => child.once('message', resolve));
      await probe(port, 1);
      const early = rss(pid);
      const under = await probe(port, SECONDS);
      print(`${rate}/s asked`, under, await lag(adminPort), rss(pid), early);
      console.log(
        `    flood answers: ${JSON.stringify(await told)}; p99 ${(under.p99 / quiet.p99).toFixed(2)} times`,
      );
    }
  } finally {
    await stopAll();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function startGateway(folder) {
  const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const pem = publicKey.export({ type: 'spki', format: 'pem' });
  const [port, adminPort] = [await freePort(), await freePort()];
  const issuer = { issuer: 'i', audience: 'a', publicKey: pem, algorithms: ['RS256'] };
  const respond = { status: 200, body: 'ok' };
  const config = {
    version: 1,
    workers: 1,
    log: { access: false },
    listen: { http: { host: '127.0.0.1', port } },
    admin: { port: adminPort },
    routes: [
      { id: 'open', match: { paths: ['/open'] }, respond },
      { id: 'closed', match: { paths: ['/closed'] }, respond, policies: { jwt: { issuers: [issuer] } } },
    ],
  };
  writeFileSync(join(folder, 'gateway.json'), JSON.stringify(config));
  const cli = join(import.meta.dirname, '..', 'dist', 'cli.js');
  const gateway = startPinned(0, process.execPath, [cli, 'run', '-c', join(folder, 'gateway.json')], {
    silent: true,
  });
  await untilListening(gateway, port);
  return { port, adminPort, pid: servingPid(gateway), start: head() };
}

const b64 = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** Everything of a token but its signature: it is in order, so that the signature must be looked at. */
function head() {
  const exp = Math.floor(Date.now() / 1000) + 3600;
  return `${b64({ alg: 'RS256' })}.${b64({ iss: 'i', aud: 'a', exp, scope: 'x'.repeat(200) })}`;
}

/** Asks one open route again and again for some seconds; latencies in milliseconds. */
async function probe(port, seconds) {
  const socket = connect(port, '127.0.0.1').setNoDelay();
  const times = [];
  const until = performance.now() + seconds * 1000;
  while (performance.now() < until) {
    const began = performance.now();
    socket.write('GET /open HTTP/1.1\r\nHost: x\r\n\r\n');
    await new Promise((resolve) => socket.once('data', resolve));
    times.push(performance.now() - began);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  socket.destroy();
  times.sort((a, b) => a - b);
  const at = (q) => times[Math.floor(times.length * q)];
  return { p50: at(0.5), p99: at(0.99), max: times.at(-1) };
}

/** The child: distinct forged tokens, one in flight on each connection, as many a second as can be. */
async function flood({ port, rate, start }) {
  const answers = {};
  let sent = 0;
  const sockets = Array.from({ length: CONNECTIONS }, () => {
    const socket = connect(port, '127.0.0.1').setNoDelay();
    socket.free = true;
    socket.on('error', () => undefined);
    socket.on('data', (data) => {
      const status = data.latin1Slice(9, 12);
      answers[status] = (answers[status] ?? 0) + 1;
      socket.free = true;
    });
    return socket;
  });
  const began = performance.now();
  const timer = setInterval(() => {
    const due = ((performance.now() - began) / 1000) * rate;
    for (const socket of sockets) {
      if (sent >= due) return;
      if (!socket.free) continue;
      socket.free = false;
      sent++;
      const signature = randomBytes(256).toString('base64url');
      socket.write(`GET /closed HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${start}.${signature}\r\n\r\n`);
    }
  }, 1);
  setTimeout(
    () => {
      clearInterval(timer);
      const seconds = (performance.now() - began) / 1000;
      process.send({ perSecond: Math.round(sent / seconds), ...answers }, () => process.exit(0));
    },
    (SECONDS + 2) * 1000,
  );
}

const rss = (pid) => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1024;

/** p99 of the last second, in milliseconds. */
async function lag(adminPort) {
  const text = await (await fetch(`http://127.0.0.1:${adminPort}/metrics`)).text();
  return Number(/^sluice_event_loop_lag_seconds\{[^}]*\} (\S+)/m.exec(text)?.[1]) * 1000;
}

function print(name, { p50, p99, max }, lagMs, after, before = after) {
  const ms = (value) => value.toFixed(2).padStart(7);
  console.log(
    `${name.padEnd(14)} p50 ${ms(p50)} ms, p99 ${ms(p99)} ms, max ${ms(max)} ms, loop lag ${ms(lagMs)} ms, memory ${before.toFixed(0)} -> ${after.toFixed(0)} MB`,
  );
}

if (process.argv[2] === 'flood') await flood(JSON.parse(process.argv[3]));
else await main(process.argv.slice(2).map(Number));
