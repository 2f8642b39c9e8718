/**
 * What a flood of forged tokens does to everybody else: latency of another route under it, event-loop lag and memory
 * of the worker. The gateway has core 0; load and measuring have core 1, where the load yields to who measures: else
 * its turns would be measured; both go before what else the machine does. Windows of three kinds take turns:
 *   quiet   nothing else happens
 *   cheap   as many requests of the same size, refused for their time: no signature is looked at
 *   forged  distinct tokens with everything in order but the signature
 * Run against dist: node native-bench/flood.mjs [TOKENS_A_SECOND ...]      (default 3000 10000)
 * The last line has all figures as JSON; test/native-bench/flood.test.ts holds them against their bounds.
 */
import { fork } from 'node:child_process';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { constants, setPriority, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort, goFirst, pinSelf, startPinned, stopAll, tree, untilListening } from './processes.mjs';

/** Of a window: short ones, and many, so that what else the machine does spoils few of them. */
const SECONDS = 1;
const ROUNDS = Number(process.env.ROUNDS || 12);
const WARM_UP = 3;
/** Of a flood that is watched for what it leaves behind. */
const ENDURED = Number(process.env.SECONDS || 40);
const CONNECTIONS = 1_500;
/** Beyond what the machine can do, latency says only that: memory and lag are looked at. */
const PAIRED_UP_TO = 5_000;

async function main(rates) {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-flood-'));
  try {
    const gateway = await startGateway(folder);
    pinSelf(1);
    goFirst('self');
    await probe(gateway.port, 2);
    const found = [];
    for (const rate of rates.length > 0 ? rates : [3_000, 10_000])
      found.push(await (rate <= PAIRED_UP_TO ? paired : enduring)(gateway, rate));
    console.log(JSON.stringify(found));
  } finally {
    await stopAll();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** p99 of the other route with each kind of window, and how many times that of the quiet windows beside it. */
async function paired(gateway, rate) {
  const loads = {
    cheap: await startLoad(gateway, rate, -3600),
    forged: await startLoad(gateway, rate, 3600),
  };
  const found = { quiet: [], cheap: [], forged: [] };
  for (let round = -WARM_UP; round < ROUNDS; round++)
    for (const kind of Object.keys(found)) {
      loads[kind]?.run(true);
      await sleep(100);
      const window = await probe(gateway.port, SECONDS);
      if (round >= 0) found[kind].push(window);
      loads[kind]?.run(false);
      await sleep(100);
    }
  const result = { rate, p99: {}, timesQuiet: {}, loads: {} };
  for (const [kind, windows] of Object.entries(found)) {
    const of = (key) => median(windows.map((each) => each[key]));
    const times = median(windows.map(({ p99 }, i) => p99 / found.quiet[i].p99));
    result.timesQuiet[kind] = times;
    result.p99[kind] = of('p99');
    const all = windows.map(({ p99 }) => p99.toFixed(2)).join(' ');
    console.log(
      `${kind.padEnd(7)} ${kind === 'quiet' ? '' : `${rate}/s`}  p50 ${of('p50').toFixed(2)} ms, p99 ${of('p99').toFixed(2)} ms (${all}), ${times.toFixed(2)} times quiet, max ${of('max').toFixed(1)} ms`,
    );
  }
  for (const [kind, load] of Object.entries(loads)) {
    result.loads[kind] = await load.end();
    console.log(`    ${kind}: ${JSON.stringify(result.loads[kind])}`);
  }
  return result;
}

/** Lag and memory second by second. */
async function enduring(gateway, rate) {
  const load = await startLoad(gateway, rate, 3600);
  load.run(true);
  const [lags, memory] = [[], []];
  for (let second = 0; second < ENDURED; second++) {
    await sleep(1_000);
    lags.push(await lag(gateway.adminPort));
    memory.push(rss(gateway.pid));
  }
  const loads = { forged: await load.end() };
  console.log(`forged ${rate}/s  loop lag ${lags.map((ms) => ms.toFixed(1)).join(' ')} ms`);
  console.log(`    memory ${memory.map((mb) => mb.toFixed(0)).join(' ')} MB`);
  console.log(`    forged: ${JSON.stringify(loads.forged)}`);
  return { rate, lags, memory, loads };
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
  goFirst(gateway.pid);
  return { port, adminPort, pid: tree(gateway.pid)[1] };
}

const b64 = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** Everything of a token but its signature. */
function head(expiresIn) {
  const exp = Math.floor(Date.now() / 1000) + expiresIn;
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
    await sleep(1);
  }
  socket.destroy();
  times.sort((a, b) => a - b);
  const at = (q) => times[Math.floor(times.length * q)];
  return { p50: at(0.5), p99: at(0.99), max: times.at(-1) };
}

/** A process that sends tokens while it is told to. */
async function startLoad({ port }, rate, expiresIn) {
  const child = fork(import.meta.filename, ['load', JSON.stringify({ port, rate, start: head(expiresIn) })]);
  const next = () => new Promise((resolve) => child.once('message', resolve));
  await next();
  return {
    run: (on) => child.send(on),
    async end() {
      const told = next();
      child.send(null);
      return await told;
    },
  };
}

/** The child: distinct tokens in even steps, one in flight on each connection, as many a second as can be. */
async function load({ port, rate, start }) {
  setPriority(constants.priority.PRIORITY_LOW);
  const answers = {};
  let [sent, seconds, began, base] = [0, 0, 0, 0];
  const free = [];
  const sockets = Array.from({ length: CONNECTIONS }, () => {
    const socket = connect(port, '127.0.0.1').setNoDelay();
    socket.on('error', () => undefined);
    socket.on('data', (data) => {
      const status = data.latin1Slice(9, 12);
      answers[status] = (answers[status] ?? 0) + 1;
      free.push(socket);
    });
    return new Promise((resolve) => socket.once('connect', () => resolve(socket)));
  });
  free.push(...(await Promise.all(sockets)));
  const send = () => {
    if (began === 0) return;
    const due = ((performance.now() - began) / 1000) * rate;
    while (sent - base < due && free.length > 0) {
      sent++;
      const signature = randomBytes(256).toString('base64url');
      free
        .shift()
        .write(`GET /closed HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${start}.${signature}\r\n\r\n`);
    }
    setImmediate(send);
  };
  process.on('message', (on) => {
    if (began !== 0) seconds += (performance.now() - began) / 1000;
    [began, base] = [on ? performance.now() : 0, sent];
    if (on) send();
    if (on === null)
      process.send({ perSecond: Math.round(sent / seconds), ...answers }, () => process.exit(0));
  });
  process.send('ready');
}

const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];
const rss = (pid) => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1024;

/** p99 of the last second, in milliseconds. */
async function lag(adminPort) {
  const text = await (await fetch(`http://127.0.0.1:${adminPort}/metrics`)).text();
  return Number(/^sluice_event_loop_lag_seconds\{[^}]*\} (\S+)/m.exec(text)?.[1]) * 1000;
}

if (process.argv[2] === 'load') await load(JSON.parse(process.argv[3]));
else await main(process.argv.slice(2).map(Number));
