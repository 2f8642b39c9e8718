/**
 * `make bench`: Sluice beside the proxies that people use. Each proxy runs on core 0; the load and the origin elsewhere.
 * See README.md for the scenarios, options.mjs for the options.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { kinds } from './kinds.mjs';
import { shared, startAll, startOrigin, stopContestants } from './contest.mjs';
import { readOptions, USAGE } from './options.mjs';
import { stopAll } from './processes.mjs';
import { ratio, table } from './report.mjs';
import { save } from './results.mjs';
import { scenarios } from './scenarios.mjs';
import { makeTokens } from './tokens.mjs';

let options;
try {
  options = readOptions(process.argv.slice(2), Object.keys(scenarios));
  if (cpus().length < 2) throw new Error('the bench needs two cores: one for the proxy, one for the load');
} catch (error) {
  console.error(`${error.message}\n${USAGE}`);
  process.exit(2);
}

process.env.PATH += ':/usr/sbin:/sbin';
const folder = mkdtempSync(join(tmpdir(), 'sluice-bench-'));
// Everything below runs inside one try/finally; a signal ends the process, and "exit" handlers clean up.
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(130));
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));

try {
  const tokens = makeTokens(folder);
  const originPort = await startOrigin();
  for (const name of options.chosen) await runScenario(name, { originPort, tokens });
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
} finally {
  await stopAll();
}

async function runScenario(name, { originPort, tokens }) {
  const place = join(folder, name);
  const scenario = scenarios[name];
  const field = scenario.field.filter((proxy) => options.wanted?.includes(proxy.name) ?? true);
  const { contestants, missing } = await startAll(field, place, { scenario, originPort, tokens });
  const bodyFile = join(folder, `${name}.body`);
  writeFileSync(bodyFile, scenario.body);
  const work = { scenario, contestants, missing, bodyFile, tokens, ...options };
  const result = await kinds[scenario.kind](work);
  await stopContestants(contestants);

  const notes = [...(scenario.notes ?? []), ...(result.notes ?? [])];
  if (name === 'S9' && shared)
    notes.push('Two cores only: the second worker shares its core with load and origin.');
  const { rounds, seconds } = options;
  const told = { title: scenario.title, kind: scenario.kind, seconds, ...result, missing, notes };
  const how = ['load', 'slices', 'rate'].includes(scenario.kind) ? ` (${rounds} rounds of ${seconds} s)` : '';
  console.log(`${table(`${name}: ${scenario.title}${how}`, told)}\n`);
  if (options.saves) save(name, told);
  if (name === 'S1' && options.gate !== undefined) guard(result.rounds, options.gate);
}

/** CI's gate: wide, since it must never fail for a machine's noise. */
function guard(rounds, gate) {
  const against = ratio(rounds, 'sluice', 'nginx');
  if (against === undefined) throw new Error('S1: no ratio to nginx for the gate');
  const { median } = against;
  const verdict = `S1 costs ${median.toFixed(2)} times what nginx needs; the gate is ${gate}`;
  if (median > gate) throw new Error(verdict);
  console.log(`${verdict}\n`);
}
