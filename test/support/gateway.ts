import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'yaml';
import { atEnd } from './cleanup.ts';
import { cleanEnv, cliPath } from './cli.ts';
import { LogLines, type LogLine } from './log-lines.ts';
import { PATIENCE } from './patience.ts';
import * as proc from './proc.ts';

export interface GatewayOptions {
  /** The configuration file: text as it is, or an object, written as JSON (which is YAML). */
  readonly config: object | string;
  readonly env?: Record<string, string>;
  /** Arguments after `run -c FILE`. */
  readonly args?: string[];
  /** Default: what the configuration says, else 1. */
  readonly workers?: number;
  /** Program and arguments that run the command line behind them in their own place, e.g. in a namespace. */
  readonly under?: readonly string[];
  /** Program to run in place of the built CLI; it gets the same arguments. */
  readonly program?: string;
}

/**
 * Starts the built gateway and waits until it listens. Listeners take free ports unless the configuration names
 * some. It is killed, workers included, when the test ends. Rejects with the output when the gateway exits instead.
 */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-test-'));
  const file = join(folder, 'gateway.yaml');
  writeFileSync(file, asText(options.config));
  const line = [...(options.under ?? []), process.execPath, options.program ?? cliPath, 'run', '-c', file];
  const child = spawn(line[0]!, [...line.slice(1), ...(options.args ?? [])], {
    cwd: folder,
    env: cleanEnv({ ...placement(options), ...options.env }),
    stdio: ['ignore', 'pipe', 'pipe'],
    // A process group of its own: one signal reaches the workers even when the primary is dead.
    detached: true,
  });
  const gateway = new Gateway(child, file);
  atEnd(async () => {
    await gateway.kill();
    rmSync(folder, { recursive: true, force: true });
  });
  await gateway.started();
  return gateway;
}

/** A running gateway. `await using gateway = await startGateway(...)` kills it at the end of the block. */
export class Gateway {
  port = 0;
  adminPort = 0;
  readonly pid: number;
  /** Settles with the exit code, or -1 after a deadly signal. */
  readonly exited: Promise<number>;
  private readonly log = new LogLines();
  private readonly file: string;

  constructor(child: ChildProcess, file: string) {
    this.file = file;
    this.pid = child.pid ?? 0;
    if (child.stdout) this.log.collect(child.stdout);
    if (child.stderr) this.log.collect(child.stderr);
    this.exited = new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code) => resolve(code ?? -1));
    });
    void this.exited.then((code) => this.log.end(`the gateway ended with code ${code}`));
  }

  /** Everything printed as JSON lines so far: access log and events. */
  get lines(): readonly LogLine[] {
    return this.log.lines;
  }

  /** Everything printed so far. */
  get output(): string {
    return this.log.text;
  }

  /** `http://127.0.0.1:PORT` */
  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get adminUrl(): string {
    return `http://127.0.0.1:${this.adminPort}`;
  }

  async started(): Promise<void> {
    const line = await this.waitForLine(({ msg }) => msg === 'listening', 30_000);
    this.port = Number(new URL(String(line['http'])).port);
    this.adminPort = Number(new URL(String(line['admin'])).port);
  }

  /** The first line, printed already or within `ms` milliseconds, that is wanted. */
  waitForLine(wanted: (line: LogLine) => boolean, ms = PATIENCE): Promise<LogLine> {
    return this.log.waitFor(wanted, ms);
  }

  /** The access log line of the request whose log fields are all as given. */
  waitForRequest(fields: LogLine, ms = PATIENCE): Promise<LogLine> {
    const pairs = Object.entries(fields);
    return this.waitForLine(
      (line) => line['msg'] === 'request' && pairs.every(([name, value]) => line[name] === value),
      ms,
    );
  }

  /** Process ids of the workers that run now. */
  workers(): number[] {
    return proc.children(this.pid);
  }

  /** Replaces the file, sends SIGHUP and waits for the event that tells whether the new one is applied or refused. */
  reload(config: object | string): Promise<LogLine> {
    const from = this.log.lines.length;
    const next = `${this.file}.next`;
    writeFileSync(next, asText(config));
    renameSync(next, this.file);
    process.kill(this.pid, 'SIGHUP');
    const told = /^configuration (applied|refused)/;
    return this.log.waitFor(({ msg }) => typeof msg === 'string' && told.test(msg), PATIENCE, from);
  }

  /** Asks for a drain and waits for the exit code; kills after 20 seconds. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number> {
    process.kill(this.pid, signal);
    const deadline = setTimeout(() => void this.kill(), 20_000);
    return this.exited.finally(() => clearTimeout(deadline));
  }

  /** Kills the primary and every worker at once. */
  async kill(): Promise<void> {
    try {
      process.kill(-this.pid, 'SIGKILL');
    } catch {
      // Nobody of the group is left.
    }
    await this.exited;
  }

  /** Resident memory of a process in bytes. */
  rss(pid: number): number {
    return proc.rss(pid);
  }

  /** CPU time of a process so far in milliseconds. */
  cpu(pid: number): number {
    return proc.cpu(pid);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.kill();
  }
}

const asText = (config: object | string) => (typeof config === 'string' ? config : JSON.stringify(config));

interface Placed {
  readonly listen?: { readonly http?: { readonly port?: number } };
  readonly admin?: { readonly port?: number };
  readonly workers?: number | string;
}

/** Environment that gives free ports and one worker where the configuration says nothing. */
function placement({ config, workers }: GatewayOptions): Record<string, string> {
  const placed = (typeof config === 'string' ? parseLoosely(config) : config) as Placed;
  const env: Record<string, string> = {};
  if (placed.listen?.http?.port === undefined) env['SLUICE_PORT'] = '0';
  if (placed.admin?.port === undefined) env['SLUICE_ADMIN_PORT'] = '0';
  if (workers !== undefined) env['SLUICE_WORKERS'] = String(workers);
  else if (placed.workers === undefined) env['SLUICE_WORKERS'] = '1';
  return env;
}

/** A file that is wrong on purpose has no ports to respect. */
function parseLoosely(text: string): unknown {
  try {
    return (parse(text) as unknown) ?? {};
  } catch {
    return {};
  }
}
