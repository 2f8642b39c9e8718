import type { Readable } from 'node:stream';

/** One line of the gateway's output: an access log line (`msg: "request"`) or an event. */
export type LogLine = Readonly<Record<string, unknown>>;

interface Waiter {
  readonly wanted: (line: LogLine) => boolean;
  readonly resolve: (line: LogLine) => void;
  readonly reject: (error: Error) => void;
  readonly timer: NodeJS.Timeout;
}

/** Collects what a process prints: JSON lines as objects, everything as text. */
export class LogLines {
  readonly lines: LogLine[] = [];
  /** All output as it came, for error messages. */
  text = '';
  private waiters = new Set<Waiter>();

  /** Reads a stream to its end. */
  collect(stream: Readable): void {
    let rest = '';
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      this.text += chunk;
      const parts = (rest + chunk).split('\n');
      rest = parts.pop() ?? '';
      for (const part of parts) this.add(part);
    });
  }

  /** The first line from index `from` on that is wanted, now or within `ms` milliseconds. */
  waitFor(wanted: (line: LogLine) => boolean, ms: number, from = 0): Promise<LogLine> {
    const seen = this.lines.slice(from).find(wanted);
    if (seen) return Promise.resolve(seen);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.giveUp(waiter, `no such line within ${ms} ms`), ms);
      const waiter: Waiter = { wanted, resolve, reject, timer };
      this.waiters.add(waiter);
    });
  }

  /** The process is gone: nobody needs to wait any longer. */
  end(why: string): void {
    for (const waiter of [...this.waiters]) this.giveUp(waiter, why);
  }

  private giveUp(waiter: Waiter, why: string): void {
    this.drop(waiter);
    waiter.reject(new Error(`${why}; output so far:\n${this.text.slice(-4000)}`));
  }

  private drop(waiter: Waiter): void {
    clearTimeout(waiter.timer);
    this.waiters.delete(waiter);
  }

  private add(text: string): void {
    const line = parse(text);
    if (line === null) return;
    this.lines.push(line);
    for (const waiter of [...this.waiters].filter(({ wanted }) => wanted(line))) {
      this.drop(waiter);
      waiter.resolve(line);
    }
  }
}

function parse(text: string): LogLine | null {
  if (!text.startsWith('{')) return null;
  try {
    return JSON.parse(text) as LogLine;
  } catch {
    return null;
  }
}
