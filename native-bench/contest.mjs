/** Starts the contestants of a scenario, and says who could not take part. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { checkAnswer, checkRefusal } from './answers.mjs';
import { freePort, startPinned, stop, untilListening } from './processes.mjs';

const CORES = cpus().length;
/** A proxy of one worker has core 0; those of two have 0 and 1; the load gets the last one, which is 1 where there are two. */
const PROXY_CORES = { 1: '0', 2: '0,1' };
export const LOAD_CORE = Math.min(CORES - 1, 2);
/** Whether proxies of two workers share a core with the load and the origin. */
export const shared = LOAD_CORE < 2;

export async function startOrigin() {
  const port = await freePort();
  const origin = startPinned(LOAD_CORE, process.execPath, [join(import.meta.dirname, 'origin.mjs'), port]);
  await untilListening(origin, port);
  return port;
}

/** Whether a contestant is another's program: one that fails has no figure, where Sluice's failure ends the run. */
export const isPeer = ({ ours }) => !ours;

/**
 * Starts every proxy of the field and checks its answers. Resolves with those that serve, and with the reasons of the
 * peers that do not.
 */
export async function startAll(field, folder, work) {
  const contestants = [];
  const missing = [];
  for (const proxy of field) {
    try {
      const place = join(folder, proxy.name.replaceAll(' ', '-'));
      contestants.push(await (proxy.of ? startOver(proxy, contestants, work) : startOne(proxy, place, work)));
    } catch (error) {
      const why = `${proxy.name}: ${error.message}`;
      if (!isPeer(proxy)) throw new Error(why, { cause: error });
      missing.push({ name: proxy.name, why: error.message.split('\n').slice(0, 3).join(' ').slice(0, 300) });
    }
  }
  return { contestants, missing };
}

/** Another path of a contestant that runs already. */
async function startOver(proxy, contestants, { scenario }) {
  const runs = contestants.find(({ name }) => name === proxy.of);
  await checkAnswer(runs.origin, { ...scenario, path: proxy.path });
  return { ...runs, ...proxy };
}

async function startOne(proxy, folder, { scenario, originPort, tokens }) {
  mkdirSync(folder, { recursive: true });
  const { keyFile } = tokens;
  const workers = proxy.workers ?? 1;
  const at = {
    folder,
    workers,
    port: await freePort(),
    adminPort: await freePort(),
    originPort,
    keyFile,
  };
  for (const [file, text] of Object.entries(proxy.files(at))) writeFileSync(join(folder, file), text);
  const [command, ...args] = proxy.command(at);
  const process_ = startPinned(PROXY_CORES[workers], command, args, { silent: true, env: proxy.env?.(at) });
  const contestant = { ...proxy, origin: `http://127.0.0.1:${at.port}`, pid: process_.pid, process_ };
  try {
    await untilListening(process_, at.port);
    const token = scenario.tokens ? tokens.first : undefined;
    await checkAnswer(contestant.origin, { ...scenario, token });
    if (scenario.tokens && proxy.verifies) await checkRefusal(contestant.origin, scenario.path, token);
  } catch (error) {
    await stop(process_);
    throw error;
  }
  return contestant;
}

export const stopContestants = (contestants) =>
  Promise.all(contestants.map(({ process_ }) => stop(process_)));
