import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { program } from './support.ts';

export interface Line {
  readonly msg: string;
  readonly [field: string]: unknown;
}

/** A whole node in processes of its own: the real primary over stub workers. */
export class StubNode {
  readonly child: ChildProcess;
  readonly lines: Line[] = [];
  stderr = '';
  readonly exited: Promise<{ code: number | null; signal: string | null }>;
  readonly #file: string;
  #waiting: (() => void)[] = [];

  constructor(folder: string, config: string) {
    this.#file = join(folder, 'gateway.yaml');
    writeFileSync(this.#file, config);
    this.child = spawn(process.execPath, [program('run-primary.mjs'), this.#file], {
      stdio: ['ignore', 'pipe', 'pipe'],
      // A group of its own, so that tests can signal all of it as a terminal does.
      detached: true,
    });
    createInterface({ input: this.child.stdout! }).on('line', (line) => {
      this.lines.push(JSON.parse(line) as Line);
      for (const look of this.#waiting) look();
    });
    this.child.stderr!.on('data', (chunk) => (this.stderr += String(chunk)));
    this.exited = once(this.child, 'close').then(([code, signal]) => ({
      code: code as number | null,
      signal: signal as string | null,
    }));
  }

  /** The first log line, past or to come, with that message and those fields. */
  async said(msg: string, when: (line: Line) => boolean = () => true): Promise<Line> {
    const found = () => this.lines.find((line) => line.msg === msg && when(line));
    const line = await Promise.race([
      new Promise<Line>((resolve) => {
        const look = () => {
          const it = found();
          if (it !== undefined) resolve(it);
        };
        this.#waiting.push(look);
        look();
      }),
      this.exited.then(() => found()),
    ]);
    if (line === undefined) throw new Error(`the node ended without saying "${msg}": ${this.stderr}`);
    return line;
  }

  async addresses(): Promise<{ http: string; admin: string }> {
    const { http, admin } = await this.said('listening');
    return { http: String(http), admin: String(admin) };
  }

  write(config: string): void {
    writeFileSync(`${this.#file}.new`, config);
    renameSync(`${this.#file}.new`, this.#file);
  }

  /** Signals the primary, or (`group`) every process of the node. */
  signal(name: NodeJS.Signals, whom: 'primary' | 'group' = 'primary'): void {
    process.kill(whom === 'group' ? -this.child.pid! : this.child.pid!, name);
  }
}

const nodes: { node: StubNode; folder: string }[] = [];

export const CONFIG = `version: 1
listen: { http: { host: 127.0.0.1, port: 0, edge: node } }
admin: { port: 0 }
workers: 2
`;

export function startNode(config: string = CONFIG): StubNode {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-node-'));
  const node = new StubNode(folder, config);
  nodes.push({ node, folder });
  return node;
}

export async function endNodes(): Promise<void> {
  for (const { node, folder } of nodes.splice(0)) {
    try {
      node.signal('SIGKILL', 'group');
    } catch {
      // It has ended by itself.
    }
    await node.exited;
    rmSync(folder, { recursive: true });
  }
}

export async function get(url: string): Promise<{ status: number; text: string; type: string }> {
  const reply = await fetch(url, { headers: { connection: 'close' } });
  return { status: reply.status, text: await reply.text(), type: reply.headers.get('content-type') ?? '' };
}
