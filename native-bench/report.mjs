import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, release } from 'node:os';
import { join } from 'node:path';

const folder = join(import.meta.dirname, 'results');
const columns = ['cpuPerRequest', 'perSecond', 'p50', 'p99'];

export function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/**
 * Medians over the rounds, one row a proxy. `ratio` is CPU per request against nginx: the median of the ratios within
 * each round, so that a slow phase of the machine hits both sides.
 */
export function summarise(rounds) {
  const names = Object.keys(rounds[0]);
  return names.map((name) => {
    const medians = columns.map((column) => [column, median(rounds.map((round) => round[name][column]))]);
    const ratio = median(rounds.map((round) => round[name].cpuPerRequest / round.nginx.cpuPerRequest));
    return { name, ...Object.fromEntries(medians), ratio };
  });
}

export function table(title, rows) {
  const head = ['', 'CPU us/req', 'to nginx', 'req/s', 'p50 ms', 'p99 ms'];
  const body = rows.map((row) => [
    row.name,
    row.cpuPerRequest.toFixed(1),
    row.ratio.toFixed(2),
    row.perSecond.toFixed(0),
    row.p50.toFixed(2),
    row.p99.toFixed(2),
  ]);
  const line = (cells) =>
    `  ${cells[0].padEnd(13)}${cells
      .slice(1)
      .map((cell) => cell.padStart(12))
      .join('')}`;
  return [title, line(head), ...body.map(line)].join('\n');
}

/** Adds the scenario to results/COMMIT.json (COMMIT-dirty when the tree has changes) and gives the file's path. */
export function save(scenario, result) {
  const git = (...args) => execFileSync('git', args, { cwd: folder, encoding: 'utf8', stdio: 'pipe' }).trim();
  mkdirSync(folder, { recursive: true });
  let commit = 'uncommitted';
  try {
    commit = git('rev-parse', '--short=12', 'HEAD') + (git('status', '--porcelain') === '' ? '' : '-dirty');
  } catch {
    // No repository, or no commit yet.
  }
  const file = join(folder, `${commit}.json`);
  const known = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {};
  const machine = {
    cpu: cpus()[0]?.model.trim(),
    cores: cpus().length,
    kernel: release(),
    node: process.version,
  };
  const scenarios = { ...known.scenarios, [scenario]: { date: new Date().toISOString(), ...result } };
  writeFileSync(file, `${JSON.stringify({ commit, machine, scenarios }, null, 2)}\n`);
  return file;
}
