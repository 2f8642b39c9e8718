/** How each kind of scenario is measured: `kinds[KIND](work)` resolves with its rows, and adds to `missing` who fell out. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { isPeer, LOAD_CORE } from './contest.mjs';
import { measure, verify } from './load.mjs';
import { CONNECTIONS, idle, soak } from './memory.mjs';
import { cpuMicros } from './processes.mjs';
import { difference, summarise } from './report.mjs';
import { slicedRound } from './slices.mjs';

export const kinds = { load: loaded, slices: sliced, rate: paced, idle: idling, soak: soaking };

const loadOf = ({ scenario, tokens, seconds, bodyFile }, { origin, path = scenario.path }) => ({
  ...scenario,
  core: LOAD_CORE,
  url: origin + path,
  seconds,
  tokens: scenario.tokens ? tokens.tokenFile : undefined,
  bodyFile,
});

/** Does `step` for each contestant still in. A peer whose step fails is out, with the reason; Sluice must not fail. */
async function eachIn(work, step) {
  for (const contestant of work.contestants) {
    if (contestant.out) continue;
    try {
      await step(contestant);
    } catch (error) {
      if (!isPeer(contestant)) throw new Error(`${contestant.name}: ${error.message}`, { cause: error });
      contestant.out = true;
      work.missing.push({ name: contestant.name, why: error.message.split('\n')[0].slice(0, 300) });
    }
  }
}

/** Interleaved rounds: in each, everybody has one turn. Those that fell out are in no round. */
async function inRounds(work, turn) {
  const rounds = [];
  for (let i = 0; i < work.rounds; i += 1) {
    const round = {};
    await eachIn(work, async (contestant) => {
      round[contestant.name] = await turn(contestant);
    });
    rounds.push(round);
  }
  const stayed = new Set(work.contestants.filter(({ out }) => !out).map(({ name }) => name));
  return rounds.map((round) =>
    Object.fromEntries(Object.entries(round).filter(([name]) => stayed.has(name))),
  );
}

/** A short run in which every answer is compared, for everybody; gives the bytes of one answer by name. */
async function verified(work) {
  const bytes = new Map();
  await eachIn(work, async (contestant) => {
    bytes.set(contestant.name, await verify(loadOf(work, contestant)));
  });
  return bytes;
}

const against = ({ contestants }) =>
  Object.fromEntries(contestants.filter((each) => each.against).map((each) => [each.name, each.against]));

/** Compiled code is not settled before. */
const WARM_SECONDS = 5;

/** As much as goes, over connections that always have a request in flight. */
async function loaded(work) {
  const bytes = await verified(work);
  if (work.scenario.tool === 'autocannon') bytes.clear();
  await eachIn(work, async (contestant) => {
    await measure(contestant.pid, { ...loadOf(work, contestant), seconds: WARM_SECONDS });
  });
  const rounds = await inRounds(work, (contestant) =>
    measure(contestant.pid, loadOf(work, contestant), bytes.get(contestant.name)),
  );
  return { rounds, summary: summarise(rounds, against(work)) };
}

/** As `loaded`, in slices: finer, without latencies. */
async function sliced(work) {
  const bytes = await verified(work);
  await slicedRound(sliceLoads(work, bytes), WARM_SECONDS);
  const rounds = [];
  for (let i = 0; i < work.rounds; i += 1)
    rounds.push(await slicedRound(sliceLoads(work, bytes), work.seconds));
  const summary = summarise(rounds, against(work)).map((row) => ({
    ...row,
    ...added(rounds, row.name, work),
  }));
  return { rounds, summary };
}

const sliceLoads = (work, bytes) =>
  work.contestants.map((each) => ({
    name: each.name,
    pid: each.pid,
    bytes: bytes.get(each.name),
    load: loadOf(work, each),
  }));

/** What a contestant costs more than the one it is compared with. */
function added(rounds, name, work) {
  const other = against(work)[name];
  return other === undefined ? {} : { added: difference(rounds, name, other).median };
}

/** A proxy that answers less of the rate than this has no latency: its queue only grows. */
const KEEPS_UP = 0.95;

/**
 * Constant rates, each half of the most that a proxy serves, measured just before (which compiles its code as well): its
 * own most, or with `sameFor: NAME` that of one proxy for all. A peer that cannot keep up is out.
 */
async function paced(work) {
  const bytes = await verified(work);
  const most = new Map();
  await eachIn(work, async (contestant) => {
    const full = await measure(contestant.pid, loadOf(work, contestant), bytes.get(contestant.name));
    most.set(contestant.name, full.perSecond);
  });
  const { sameFor } = work.scenario;
  const rounds = await inRounds(work, async (contestant) => {
    const rate = Math.round(most.get(sameFor ?? contestant.name) / 2);
    if (Number.isNaN(rate)) throw new Error(`no rate: ${sameFor} was not measured`);
    const measured = await constantRate(contestant, work, rate);
    if (isPeer(contestant) && measured.perSecond < KEEPS_UP * rate)
      throw new Error(`answers ${measured.perSecond.toFixed(0)} of ${rate} requests a second`);
    return measured;
  });
  const mosts = [...most].map(([name, perSecond]) => `${name} ${perSecond.toFixed(0)}`).join(', ');
  const notes = [`Ratios are of p99. At most, requests a second: ${mosts}.`];
  return { rounds, summary: summarise(rounds, {}, 'p99'), notes };
}

/** rate.mjs in a process of its own; processor time is taken from the end of its warm-up on. */
async function constantRate({ origin, pid }, { scenario, seconds, bodyFile }, rate) {
  const program = join(import.meta.dirname, 'rate.mjs');
  const args = [program, origin, scenario.path, rate, seconds, bodyFile, scenario.connections];
  // The origin shares the core: it must not wait for a slice of the generator's, or that would be what is measured.
  const command = ['-c', LOAD_CORE, 'chrt', '-i', 0, process.execPath, ...args].map(String);
  const running = promisify(execFile)('taskset', command, { timeout: (seconds + 15) * 1000 });
  let before = 0;
  running.child.stdout.once('data', () => (before = cpuMicros(pid)));
  const { stdout } = await running;
  const cpu = cpuMicros(pid) - before;
  const {
    requests,
    wrong,
    missing,
    seconds: took,
    ...latency
  } = JSON.parse(stdout.trim().split('\n').at(-1));
  if (wrong > 0 || missing > 0)
    throw new Error(`${wrong} wrong and ${missing} missing answers at ${rate} requests a second`);
  return { cpuPerRequest: cpu / requests, perSecond: requests / took, ...latency };
}

async function idling(work) {
  const summary = [];
  await eachIn(work, async (contestant) => {
    summary.push({ name: contestant.name, ...(await idle(contestant, work.scenario)) });
  });
  return { summary, notes: [`${CONNECTIONS} connections, each after one answered request.`] };
}

/** In less time the heap is still finding its size. */
const LEAST_MINUTES = 10;

async function soaking(work) {
  await verified(work);
  const summary = [];
  const samples = {};
  const notes = ['Growth: median of the slopes between samples of 2 s, after the first third.'];
  for (const contestant of work.contestants) {
    const measured = await soak(
      contestant,
      loadOf({ ...work, bodyFile: undefined }, contestant),
      work.minutes,
    );
    summary.push({ name: contestant.name, ...measured.row });
    samples[contestant.name] = measured.samples;
  }
  if (work.minutes < LEAST_MINUTES) notes.push(`Too short to judge: that takes ${LEAST_MINUTES} minutes.`);
  return { samples, summary, notes };
}
