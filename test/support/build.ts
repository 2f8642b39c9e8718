import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const root = join(import.meta.dirname, '..', '..');

/**
 * Vitest global setup: brings dist up to date with src, for the tests that start the real program. File by file and
 * without type checks (`make build` and `make lint` do those), so that a test run does not wait for the compiler.
 * Each file is put in place whole: runs at the same time, and gateways that start meanwhile, see only whole files.
 */
export default async function build(): Promise<void> {
  const sources = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' });
  const stale = sources.filter((file) => file.endsWith('.ts')).filter(isStale);
  if (stale.length === 0) return;
  const { default: ts } = await import('typescript');
  const config = ts.readConfigFile(join(root, 'tsconfig.json'), (file) => ts.sys.readFile(file))
    .config as unknown;
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, root);
  // Alone, a file does not know that package.json says "module": nodenext would make it CommonJS.
  const compilerOptions = { ...options, module: ts.ModuleKind.ESNext, sourceMap: false };
  for (const file of stale) {
    const text = readFileSync(join(root, 'src', file), 'utf8');
    const { outputText } = ts.transpileModule(text, {
      fileName: join(root, 'src', file),
      compilerOptions,
    });
    put(target(file), outputText);
  }
}

const target = (file: string) => join(root, 'dist', file.replace(/\.ts$/, '.js'));

function isStale(file: string): boolean {
  const built = statSync(target(file), { throwIfNoEntry: false })?.mtimeMs ?? 0;
  return statSync(join(root, 'src', file)).mtimeMs > built;
}

function put(file: string, text: string): void {
  mkdirSync(dirname(file), { recursive: true });
  const next = `${file}.${process.pid}`;
  try {
    writeFileSync(next, text);
    renameSync(next, file);
  } finally {
    rmSync(next, { force: true });
  }
}
