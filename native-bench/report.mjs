/** Medians, ratios and tables: pure functions over what was measured. */

export function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** The smallest number that `p` per cent of them do not exceed. */
export function percentile(numbers, p) {
  const sorted = Float64Array.from(numbers).sort();
  return sorted[Math.max(0, Math.ceil((p / 100) * sorted.length) - 1)];
}

/**
 * What `name` costs against `other`: the median, the least and the most of the ratios within each round, so that a slow
 * phase of the machine hits both sides. Undefined when one of them did not take part.
 */
export const ratio = (rounds, name, other, column = 'cpuPerRequest') =>
  compared(rounds, name, other, (a, b) => a[column] / b[column]);

/** As `ratio`, for what `name` costs more than `other`, in microseconds. */
export const difference = (rounds, name, other) =>
  compared(rounds, name, other, (a, b) => a.cpuPerRequest - b.cpuPerRequest);

function compared(rounds, name, other, compare) {
  if (rounds.length === 0 || !(name in rounds[0]) || !(other in rounds[0])) return undefined;
  const each = rounds.map((round) => compare(round[name], round[other]));
  return { median: median(each), least: Math.min(...each), most: Math.max(...each) };
}

/** Medians over the rounds, one row a proxy, with its ratio to `against[name]` (nginx unless told). */
export function summarise(rounds, against = {}, column = 'cpuPerRequest') {
  return Object.entries(rounds[0] ?? {}).map(([name, first]) => {
    const medians = Object.keys(first).map((key) => [key, median(rounds.map((round) => round[name][key]))]);
    const compared = ratio(rounds, name, against[name] ?? 'nginx', column);
    return {
      name,
      ...Object.fromEntries(medians),
      ...(compared && { ratio: compared.median, ratioLeast: compared.least, ratioMost: compared.most }),
    };
  });
}

/**
 * Growth in units a minute: the median of the slopes between all pairs of samples (Theil-Sen), so that a few outliers, such
 * as a collection of garbage, do not tell. `samples`: `{ seconds, value }`, of which the first third is warm-up.
 */
export function growth(samples) {
  const settled = samples.slice(Math.floor(samples.length / 3));
  const slopes = settled.flatMap((a, i) =>
    settled.slice(i + 1).map((b) => ((b.value - a.value) / (b.seconds - a.seconds)) * 60),
  );
  return slopes.length === 0 ? NaN : median(slopes);
}

const LATENCY = [
  ['p50 ms', 'p50', 2],
  ['p99 ms', 'p99', 2],
  ['p99.9 ms', 'p999', 2],
];
const RATIO = [
  ['ratio', 'ratio', 2],
  ['least', 'ratioLeast', 2],
  ['most', 'ratioMost', 2],
];
const CPU = ['CPU us/req', 'cpuPerRequest', 1];

/** Columns of each kind of scenario: heading, key, digits. */
export const COLUMNS = {
  load: [CPU, ...RATIO, ['req/s', 'perSecond', 0], ...LATENCY],
  slices: [CPU, ['us more', 'added', 2], ...RATIO, ['req/s', 'perSecond', 0]],
  rate: [['req/s', 'perSecond', 0], ...LATENCY, ...RATIO, CPU],
  idle: [
    ['worker MiB', 'worker', 1],
    ['all MiB', 'all', 1],
    ['10,000: worker MiB', 'loaded', 1],
    ['KiB a connection', 'perConnection', 2],
    ['still open', 'open', 0],
  ],
  soak: [
    ['minutes', 'minutes', 1],
    ['start MiB', 'first', 1],
    ['end MiB', 'last', 1],
    ['MiB a minute', 'growth', 2],
    ['req/s', 'perSecond', 0],
  ],
};

/** The cells of one row as text; what was not measured is a dash. */
export function cells(kind, row) {
  return COLUMNS[kind].map(([, key, digits]) => (Number.isFinite(row[key]) ? row[key].toFixed(digits) : '-'));
}

/** A scenario as lines for the screen. `missing`: who did not take part, and why. */
export function table(title, { kind, summary, missing = [], notes = [] }) {
  const heads = COLUMNS[kind].map(([head]) => head);
  const width = (head) => Math.max(head.length, 8) + 2;
  const line = (name, texts) =>
    `  ${name.padEnd(18)}${texts.map((text, i) => text.padStart(width(heads[i]))).join('')}`;
  return [
    title,
    line('', heads),
    ...summary.map((row) => line(row.name, cells(kind, row))),
    ...missing.map(({ name, why }) => `  ${name.padEnd(18)}  not measured: ${why}`),
    ...notes.map((note) => `  ${note}`),
  ].join('\n');
}
