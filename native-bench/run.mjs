/**
 * `make bench`: Sluice beside nginx and haproxy. Each proxy runs on core 0; wrk and the origin on core 1.
 * SCENARIO (comma-separated, default all), ROUNDS (5), SECONDS per run (4), PROXIES (comma-separated, default all).
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkAnswer, measure, wrk } from './load.mjs';
import { gateways } from './gateways.mjs';
import { BODY, LARGE_BODY } from './origin.mjs';
import { freePort, servingPid, startPinned, stop, stopAll, untilListening } from './processes.mjs';
import { crowded, HELLO, limited, proxies } from './proxies.mjs';
import { save, summarise, table } from './report.mjs';
import { makeTokens } from './tokens.mjs';

const PROXY_CORE = 0;
const LOAD_CORE = 1;

/** `field`: who contends; `fields` and `body`: what is sent (wrk.lua) and what must come back. */
const api = { field: proxies, path: '/api/users', fields: 'browser', body: BODY };
const scenarios = {
  S1: { ...api, title: 'S1: proxying, browser-like request' },
  'S1-limit': { ...api, title: 'S1 with and without a limit by ip', field: limited },
  S2: { ...api, title: 'S2: token verified, limited by user, logged (nginx: no token)', field: gateways },
  S3: { ...api, title: 'S3: answered by the proxy itself', path: '/hello', body: HELLO },
  S4: { ...api, title: 'S4: replies of 64 KB', path: '/api/64k', body: LARGE_BODY },
  S5: { ...api, title: 'S5: POST of 16 KB', fields: 'post' },
  S6: { ...api, title: 'S6: one route of 10,000', field: crowded },
  'S7-1': { ...api, title: 'S7: one connection', connections: 1 },
  'S7-512': { ...api, title: 'S7: 512 connections', connections: 512 },
  twelve: { ...api, title: 'twelve: proxying, Host and 11 more fields', fields: 'twelve' },
  plain: { ...api, title: 'plain: proxying, only Host', fields: 'plain' },
};

const chosen = process.env.SCENARIO?.split(',') ?? Object.keys(scenarios);
const rounds = Number(process.env.ROUNDS || 5);
const seconds = Number(process.env.SECONDS || 4);
const wanted = process.env.PROXIES?.split(',');

const unknown = chosen.filter((name) => !(name in scenarios));
if (unknown.length > 0)
  fail(`no such scenario: ${unknown.join(', ')} (${Object.keys(scenarios).join(', ')})`);
if (!(rounds >= 1 && seconds >= 1)) fail('ROUNDS and SECONDS are numbers from 1 up');
if (wanted !== undefined && !wanted.includes('nginx'))
  fail('PROXIES needs nginx: everything is compared with it');
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
  const tokens = makeTokens(folder);
  const originPort = await startOrigin();
  let number = 0;
  for (const name of chosen) {
    const contestants = await startAll(
      scenarios[name].field,
      join(folder, String(++number)),
      originPort,
      tokens,
    );
    await runScenario(name, contestants, tokens);
    await Promise.all(contestants.map(({ process_ }) => stop(process_)));
  }
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
} finally {
  await stopAll();
}

async function startOrigin() {
  const port = await freePort();
  const origin = startPinned(LOAD_CORE, process.execPath, [join(import.meta.dirname, 'origin.mjs'), port]);
  await untilListening(origin, port);
  return port;
}

async function startAll(field, place, originPort, { keyFile }) {
  const contestants = [];
  for (const proxy of field.filter(({ name }) => wanted?.includes(name) ?? true)) {
    const own = join(place, proxy.name);
    mkdirSync(own, { recursive: true });
    const at = { folder: own, port: await freePort(), adminPort: await freePort(), originPort, keyFile };
    contestants.push(await startProxy(proxy, at));
  }
  return contestants;
}

async function startProxy(proxy, at) {
  for (const [file, text] of Object.entries(proxy.files(at))) writeFileSync(join(at.folder, file), text);
  const [command, ...args] = proxy.command(at);
  const process_ = startPinned(PROXY_CORE, command, args, { silent: true });
  await untilListening(process_, at.port);
  return { name: proxy.name, origin: `http://127.0.0.1:${at.port}`, pid: servingPid(process_), process_ };
}

async function runScenario(name, contestants, { tokenFile, first }) {
  const { title, path, fields, body, field, connections } = scenarios[name];
  const tokens = field === gateways ? tokenFile : undefined;
  const load = ({ origin }) => ({
    core: LOAD_CORE,
    url: origin + path,
    fields,
    seconds,
    tokens,
    connections,
  });
  for (const contestant of contestants) {
    await checkAnswer(contestant.origin + path, body, { authorization: `Bearer ${first}` });
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
