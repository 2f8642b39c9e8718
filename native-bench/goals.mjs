/** The goals, and how far the figures of a results file are from them. */
import { difference, median, ratio } from './report.mjs';

const cost = (scenario, name, other) => (all) => ratio(all[scenario]?.rounds ?? [], name, other)?.median;

const slowest = (scenario) => (all) => ratio(all[scenario]?.rounds ?? [], 'sluice', 'nginx', 'p99')?.median;

const SCALED = ['sluice', 'sluice x2', 'nginx', 'nginx x2'];

/** What two workers cost more than one, against what that costs nginx: the median of the rounds. */
function scaling({ S9 }) {
  const rounds = S9?.rounds ?? [];
  if (!SCALED.every((name) => name in (rounds[0] ?? {}))) return undefined;
  const grown = (round, name) => round[`${name} x2`].cpuPerRequest / round[name].cpuPerRequest;
  return median(rounds.map((round) => grown(round, 'sluice') / grown(round, 'nginx')));
}

/** `measured` gives undefined where the scenario was not run or somebody did not take part. Lower is better in all. */
export const GOALS = [
  { scenario: 'S1', what: 'CPU against nginx', limit: 0.95, measured: cost('S1', 'sluice', 'nginx') },
  {
    scenario: 'S1',
    what: 'CPU against nginx, pipelined',
    limit: 0.95,
    measured: cost('S1', 'sluice+pipelining', 'nginx'),
  },
  {
    scenario: 'S1-slices',
    what: 'CPU against nginx',
    limit: 0.95,
    measured: cost('S1-slices', 'sluice', 'nginx'),
  },
  {
    scenario: 'S1-limit',
    what: 'microseconds of CPU that a limit by address adds',
    limit: 1.5,
    measured: (all) => difference(all['S1-limit']?.rounds ?? [], 'sluice+limit', 'sluice')?.median,
  },
  { scenario: 'S2', what: 'CPU against haproxy', limit: 0.45, measured: cost('S2', 'sluice', 'haproxy') },
  {
    scenario: 'S2',
    what: 'CPU against haproxy, pipelined',
    limit: 0.45,
    measured: cost('S2', 'sluice+pipelining', 'haproxy'),
  },
  { scenario: 'S3', what: 'CPU against nginx', limit: 0.9, measured: cost('S3', 'sluice', 'nginx') },
  { scenario: 'S4', what: 'CPU against nginx', limit: 1.1, measured: cost('S4', 'sluice', 'nginx') },
  { scenario: 'S5', what: 'CPU against nginx', limit: 1.1, measured: cost('S5', 'sluice', 'nginx') },
  {
    scenario: 'S6',
    what: '10,000 routes against two',
    limit: 1.05,
    measured: cost('S6', '10,000', 'sluice'),
  },
  {
    scenario: 'S9',
    what: 'growth of CPU from one worker to two, against nginx',
    limit: 1,
    measured: scaling,
  },
  ...['fast-gateway', 'fastify-http-proxy', 'undici'].map((peer) => ({
    scenario: 'S1',
    what: `CPU against ${peer}`,
    limit: 1 / 3,
    measured: cost('S1', 'sluice', peer),
  })),
  {
    scenario: 'half',
    what: 'p99 against nginx, each at half of its own most',
    limit: 1.25,
    measured: slowest('half'),
  },
  {
    scenario: 'half-nginx',
    what: "p99 against nginx, both at half of nginx's most",
    limit: 1.25,
    measured: slowest('half-nginx'),
  },
  {
    scenario: 'soak',
    what: 'growth in 10 minutes, part of the memory at the end',
    limit: 0.05,
    measured: ({ soak }) => soak && growthPart(soak.summary.find(({ name }) => name === 'sluice')),
  },
];

const SOAK_MINUTES = 10;

/** A run that is too short to judge counts as none. */
function growthPart({ minutes, growth, last }) {
  return minutes < SOAK_MINUTES ? undefined : Math.max(0, growth * SOAK_MINUTES) / last;
}

/** Every goal with its figure; `met` is undefined where there is none. */
export function judge(scenarios) {
  return GOALS.map(({ measured, ...goal }) => {
    const value = measured(scenarios);
    return { ...goal, value, met: value === undefined ? undefined : value <= goal.limit };
  });
}

/** Where Sluice costs more than another: one line for each scenario that compares processor time. */
export function losses(scenarios) {
  return Object.entries(scenarios).flatMap(([scenario, { kind, rounds = [] }]) =>
    kind !== 'load' && kind !== 'slices'
      ? []
      : Object.keys(rounds[0] ?? {})
          .filter((name) => !/^sluice|x2$|^10,000$/.test(name))
          .map((other) => ({ scenario, other, value: ratio(rounds, 'sluice', other).median }))
          .filter(({ value }) => value > 1),
  );
}
