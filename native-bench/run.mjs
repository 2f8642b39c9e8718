/**
 * `make bench`: Sluice beside nginx and haproxy. Each proxy runs on core 0; wrk and the origin on core 1.
 * SCENARIO (comma-separated, default all), ROUNDS (5), SECONDS per run (4), PROXIES (comma-separated, default all).
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkAnswer, measure, wrk } from './load.mjs';
import { BODY } from './origin.mjs';
import { freePort, servingPid, startPinned, stopAll, untilListening } from './processes.mjs';
import { HELLO, proxies } from './proxies.mjs';
import { save, summarise, table } from './report.mjs';

const PROXY_CORE = 0;
const LOAD_CORE = 1;

const scenarios = {
  S1: { title: 'S1: proxying, browser-like request', path: '/api/users', fields: 'browser', body: BODY },
  S3: { title: 'S3: answered by the proxy itself', path: '/hello', fields: 'browser', body: HELLO },
  plain: { title: 'plain: proxying, only Host', path: '/api/users', fields: 'plain', body: BODY },
};

const chosen = process.env.SCENARIO?.split(',') ?? Object.keys(scenarios);
const rounds = Number(process.env.ROUNDS || 5);
const seconds = Number(process.env.SECONDS || 4);
const wanted = process.env.PROXIES?.split(',') ?? proxies.map(({ name }) => name);

const unknown = chosen.filter((name) => !(name in scenarios));
if (unknown.length > 0)
  fail(`no such scenario: ${unknown.join(', ')} (${Object.keys(scenarios).join(', ')})`);
if (!(rounds >= 1 && seconds >= 1)) fail('ROUNDS and SECONDS are numbers from 1 up');
if (!wanted.includes('nginx')) fail('PROXIES needs nginx: everything is compared with it');
if (cpus().length < 2) fail('the bench needs two cores: one for the proxy, one for the load');

function fail(why) {
  console.error(why);
  process.exit(1);
}

process.env.PATH += ':/usr/sbin:/sbin';
const folder = mkdtempSync(join(tmpdir(), 'sluice-bench-'));
// Everything below runs inside one try/finally; a signal ends the process, and "exit" handlers clean up.
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(130));
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));

try {
  const contestants = await startAll();
  for (const name of chosen) await runScenario(name, contestants);
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
} finally {
  await stopAll();
}

async function startAll() {
  const originPort = await freePort();
  const origin = startPinned(LOAD_CORE, process.execPath, [
    join(import.meta.dirname, 'origin.mjs'),
    originPort,
  ]);
  await untilListening(origin, originPort);
  const contestants = [];
  for (const proxy of proxies.filter(({ name }) => wanted.includes(name))) {
    contestants.push(await startProxy(proxy, originPort));
  }
  return contestants;
}

async function startProxy(proxy, originPort) {
  const own = join(folder, proxy.name);
  mkdirSync(own);
  const place = { folder: own, port: await freePort(), adminPort: await freePort(), originPort };
  for (const [file, text] of Object.entries(proxy.files(place))) writeFileSync(join(own, file), text);
  const [command, ...args] = proxy.command(place);
  const started = startPinned(PROXY_CORE, command, args);
  await untilListening(started, place.port);
  return { name: proxy.name, origin: `http://127.0.0.1:${place.port}`, pid: servingPid(started) };
}

async function runScenario(name, contestants) {
  const { title, path, fields, body } = scenarios[name];
  const load = (contestant) => ({ core: LOAD_CORE, url: contestant.origin + path, fields, seconds });
  for (const contestant of contestants) {
    await checkAnswer(contestant.origin + path, body);
    await wrk({ ...load(contestant), seconds: 1 });
  }
  const results = [];
  for (let round = 0; round < rounds; round += 1) {
    const result = {};
    for (const contestant of contestants)
      result[contestant.name] = await measure(contestant.pid, load(contestant));
    results.push(result);
  }
  const summary = summarise(results);
  console.log(`${table(`${title} (median of ${rounds} rounds of ${seconds} s)`, summary)}\n`);
  save(name, { rounds: results, summary });
}
