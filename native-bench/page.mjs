/** `node native-bench/page.mjs [FILE]` writes RESULTS.md from a results file, by default the newest one. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { judge, losses } from './goals.mjs';
import { cells, COLUMNS } from './report.mjs';
import { newest } from './results.mjs';
import { scenarios as known } from './scenarios.mjs';

const row = (texts) => `| ${texts.join(' | ')} |`;

/** A table of Markdown; the first column is text, the others are numbers. */
export function markdownTable(heads, rows) {
  const width = heads.map((head, i) => Math.max(3, head.length, ...rows.map((each) => each[i].length)));
  const pad = (text, i) => (i === 0 ? text.padEnd(width[i]) : text.padStart(width[i]));
  const rule = width.map((n, i) => (i === 0 ? '-'.repeat(n) : `${'-'.repeat(n - 1)}:`));
  return [row(heads.map(pad)), row(rule), ...rows.map((each) => row(each.map(pad)))].join('\n');
}

/** A text of a program in a table or a line: nothing of it is Markdown. */
const plain = (text) =>
  text
    .replace(/[|`*_<>[\]\\]/g, ' ')
    .replace(/\s+/g, ' ')
    .trim();

function section(name, told) {
  const { title, kind, summary, missing = [], notes = [], date, rounds, seconds } = told;
  const heads = [name, ...COLUMNS[kind].map(([head]) => head)];
  const rows = summary.map((each) => [each.name, ...cells(kind, each)]);
  const how = rounds === undefined ? '' : `; ${rounds.length} rounds of ${seconds} s`;
  const remarks = [
    ...notes.map((note) => `- ${note}`),
    ...missing.map((each) => `- ${each.name} was not measured: ${plain(each.why)}`),
  ];
  return [
    `## ${name}: ${title}`,
    markdownTable(heads, rows),
    `${date.slice(0, 16).replace('T', ' ')} UTC${how}.`,
    ...(remarks.length > 0 ? [remarks.join('\n')] : []),
  ].join('\n\n');
}

function goals(scenarios) {
  const verdict = (met) => (met === undefined ? 'not measured' : met ? 'yes' : 'no');
  const rows = judge(scenarios).map(({ scenario, what, limit, value, met }) => [
    `${scenario}: ${what}`,
    limit.toFixed(2),
    value === undefined ? '-' : value.toFixed(2),
    verdict(met),
  ]);
  return markdownTable(['goal', 'at most', 'measured', 'met'], rows);
}

function lost(scenarios) {
  const lines = losses(scenarios).map(
    ({ scenario, other, value }) => `- ${scenario}: ${value.toFixed(2)} times the CPU of ${other}`,
  );
  return lines.length === 0 ? 'Nowhere, in what was measured.' : lines.join('\n');
}

/** The page as text. `order`: names of scenarios as they are to appear; others follow. */
export function page({ commit, machine, scenarios }, order = []) {
  const { cpu, cores, kernel, ...versions } = machine;
  const names = Object.keys(scenarios);
  const sorted = [
    ...order.filter((name) => names.includes(name)),
    ...names.filter((name) => !order.includes(name)),
  ];
  const programs = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  const parts = [
    '# Results',
    'Written by `node native-bench/page.mjs`: do not edit. Method and how to read it: `README.md` beside this page.',
    `Commit \`${commit}\`. ${cpu}, ${cores} cores, Linux ${kernel}. ${programs.join(', ')}.`,
    [
      'Each figure is the median of interleaved rounds within one run. `CPU us/req` is processor time, user and system, of',
      'all processes of a proxy divided by the requests. `ratio` compares it with nginx in the same round (S9, S6 and',
      '`S1-limit`: with the proxy that the row varies; both `half`: p99), `least` and `most` are its extremes over the rounds.',
    ].join('\n'),
    '## Goals',
    goals(scenarios),
    '## Where Sluice loses',
    lost(scenarios),
    ...sorted.map((name) => section(name, scenarios[name])),
  ];
  return `${parts.join('\n\n')}\n`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const file = process.argv[2];
  const results = file === undefined ? newest() : JSON.parse(readFileSync(file, 'utf8'));
  if (results === undefined) throw new Error('there are no results yet: make bench');
  writeFileSync(join(import.meta.dirname, 'RESULTS.md'), page(results, Object.keys(known)));
}
