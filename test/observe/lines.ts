import type { LogSource } from '../../src/observe/access-log.ts';

/** A finished exchange as the access log sees it, with what a test wants to differ. */
export const exchange = (change: Partial<LogSource> = {}): LogSource => ({
  id: 'req-1',
  traceId: '0af7651916cd43dd8448eb211c80319c',
  ip: '203.0.113.42',
  method: 'GET',
  host: 'api.example.com',
  requestPath: '/api/users/7',
  requestQuery: '',
  protocol: 'HTTP/1.1',
  bytesIn: 0,
  bytesOut: 4312,
  route: { id: 'users', upstreamId: 'users' },
  target: '127.0.0.1:9001',
  attempts: 1,
  upstreamMs: 1.7316,
  consumer: '',
  limit: '',
  cache: '',
  fault: null,
  ...change,
});

/** Collects lines in place of standard output. */
export class Lines {
  readonly all: string[] = [];

  write(line: string): void {
    this.all.push(line);
  }

  get last(): Record<string, unknown> {
    return JSON.parse(this.all.at(-1)!) as Record<string, unknown>;
  }
}
