import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

const script = join(import.meta.dirname, '..', '..', 'native-bench', 'wrk.lua');

export interface LoadOptions {
  readonly url: string;
  /** Default 2. */
  readonly seconds?: number;
  /** Default 32. */
  readonly connections?: number;
  /** `plain`: only Host. `browser`: 12 usual fields, cookies and a bearer token. Default plain. */
  readonly fields?: 'plain' | 'browser';
}

/** What wrk measured. */
export interface LoadResult {
  readonly requests: number;
  readonly seconds: number;
  readonly bytes: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
  /** Failures by kind; `status` counts replies of 400 and above. */
  readonly errors: Readonly<Record<'connect' | 'read' | 'write' | 'status' | 'timeout', number>>;
}

/** Puts load on a URL with wrk (one thread) for a bounded time. */
export async function runLoad(options: LoadOptions): Promise<LoadResult> {
  const { url, seconds = 2, connections = 32, fields = 'plain' } = options;
  const args = ['-t1', `-c${connections}`, `-d${seconds}s`, '-s', script, url, '--', fields];
  const { stdout } = await promisify(execFile)('wrk', args, { timeout: (seconds + 10) * 1000 });
  // The script prints its report as the last line.
  return JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '') as LoadResult;
}
