/** The files under results/: one a commit, to which every run adds its scenarios. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, release } from 'node:os';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const folder = join(import.meta.dirname, 'results');
/** What the bench itself writes, and what tells nothing of how fast anything is. */
const NOT_CODE = [':!native-bench/results', ':!native-bench/RESULTS.md', ':!*.md'];

function commitName() {
  const git = (...args) => execFileSync('git', args, { cwd: root, encoding: 'utf8', stdio: 'pipe' }).trim();
  try {
    const changed = git('status', '--porcelain', '--', '.', ...NOT_CODE) !== '';
    return git('rev-parse', '--short=12', 'HEAD') + (changed ? '-dirty' : '');
  } catch {
    return 'uncommitted'; // No repository, or no commit yet.
  }
}

const versionOf = (command, args) => {
  try {
    const text = execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
    return /\d+\.\d+[.\d]*/.exec(text)?.[0];
  } catch {
    return undefined;
  }
};

/** What the figures belong to. */
function machine() {
  const packages = join(import.meta.dirname, 'package.json');
  return {
    cpu: cpus()[0]?.model.trim(),
    cores: cpus().length,
    kernel: release(),
    node: process.version,
    haproxy: versionOf('haproxy', ['-v']),
    // nginx tells its version on standard error only.
    nginx: versionOf('sh', ['-c', 'nginx -v 2>&1']),
    caddy: versionOf('caddy', ['version']),
    ...JSON.parse(readFileSync(packages, 'utf8')).dependencies,
  };
}

/** Adds the scenario to results/COMMIT.json (COMMIT-dirty when the code has changes) and gives the file's path. */
export function save(name, result) {
  mkdirSync(folder, { recursive: true });
  const commit = commitName();
  const file = join(folder, `${commit}.json`);
  const known = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {};
  const date = new Date().toISOString();
  const scenarios = { ...known.scenarios, [name]: { date, ...result } };
  writeFileSync(file, `${JSON.stringify({ commit, date, machine: machine(), scenarios }, rounded, 1)}\n`);
  return file;
}

/** Six digits say more than the measurement knows. */
function rounded(_key, value) {
  return typeof value === 'number' ? Number(value.toPrecision(6)) : value;
}

/** The results that were written last. */
export function newest() {
  const all = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.json')) : [];
  const read = all.map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')));
  return read.sort((a, b) => (a.date < b.date ? -1 : 1)).at(-1);
}
