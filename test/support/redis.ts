import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { atEnd } from './cleanup.ts';
import { freePort } from './ports.ts';

export interface RedisServerOptions {
  /** Default: a free one. With TLS it is the TLS port, and there is no other. */
  readonly port?: number;
  /** Lines of redis.conf as arguments: `--requirepass secret`. */
  readonly args?: readonly string[];
  /** Needed by `cli` when the server wants it. */
  readonly cli?: readonly string[];
  readonly tls?: boolean;
  readonly sentinel?: boolean;
  /** Full path of a configuration file, which a sentinel needs. */
  readonly file?: string;
}

/** Starts a real Redis on a port of 127.0.0.1, without persistence; it is killed when the test ends. */
export async function startRedis(options: RedisServerOptions = {}): Promise<RedisServer> {
  const server = new RedisServer(options.port ?? (await freePort()), options);
  atEnd(() => server.remove());
  await server.start();
  return server;
}

/** A redis-server process that can be hurt in every way that a real one is. */
export class RedisServer {
  readonly port: number;
  readonly folder: string;
  private readonly options: RedisServerOptions;
  private child: ChildProcess | null = null;
  private exited: Promise<void> = Promise.resolve();

  constructor(port: number, options: RedisServerOptions = {}) {
    this.port = port;
    this.options = options;
    this.folder = mkdtempSync(join(tmpdir(), 'sluice-redis-'));
  }

  get url(): string {
    return `${this.options.tls === true ? 'rediss' : 'redis'}://127.0.0.1:${this.port}`;
  }

  get pid(): number {
    return this.child?.pid ?? 0;
  }

  /** Starts it, again after `kill`, and waits until it accepts connections. */
  async start(): Promise<void> {
    const { args = [], tls, sentinel, file } = this.options;
    const ports = tls === true ? ['--port', '0', '--tls-port', `${this.port}`] : ['--port', `${this.port}`];
    const own = ['--bind', '127.0.0.1', '--dir', this.folder, '--save', '', '--appendonly', 'no'];
    const command =
      sentinel === true ? [file!, '--sentinel'] : [...ports, ...own, '--daemonize', 'no', ...args];
    const child = spawn('redis-server', command, { stdio: 'ignore' });
    this.child = child;
    this.exited = new Promise((resolve, reject) => {
      child.once('exit', () => resolve());
      child.once('error', reject);
    });
    while (!(await accepts(this.port))) {
      if (child.exitCode !== null) throw new Error(`redis-server ended with code ${child.exitCode}`);
      await sleep(10);
    }
  }

  /** Runs `redis-cli ARGS` against it and gives what it prints. */
  cli(...args: string[]): string {
    const { cli = [] } = this.options;
    const all = ['-h', '127.0.0.1', '-p', `${this.port}`, '--no-auth-warning', ...cli, ...args];
    return spawnSync('redis-cli', all, { encoding: 'utf8', timeout: 10_000 }).stdout.trim();
  }

  /** How many commands of this name it has carried out, those of scripts included. */
  calls(command: string): number {
    return Number(
      new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(this.cli('info', 'commandstats'))?.[1] ?? 0,
    );
  }

  /** It stays connected and answers nothing. */
  freeze(): void {
    process.kill(this.pid, 'SIGSTOP');
  }

  thaw(): void {
    process.kill(this.pid, 'SIGCONT');
  }

  /** It dies as if by the kernel; what it knew is lost. */
  async kill(): Promise<void> {
    if (this.child?.exitCode === null) this.child.kill('SIGKILL');
    await this.exited;
  }

  async remove(): Promise<void> {
    await this.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
