import { beforeAll, describe, expect, test } from 'vitest';
import { type FaultName, startFaultOrigin } from '../support/fault-origin.ts';
import type { Gateway } from '../support/gateway.ts';
import { freePort } from '../support/ports.ts';
import { connect } from '../support/raw.ts';
import { EDGES, expectMetric, get, joined, startProxy, through } from './proxying.ts';

/** What a client, an operator and the target's account see of one kind of failure. */
interface Row {
  readonly fault: FaultName | 'refuses';
  readonly status: number;
  /** Of Proxy-Status; null = there is none. */
  readonly token: string | null;
  /** Of the access log; null = none. */
  readonly error: string | null;
  /** How each attempt is counted. */
  readonly outcome: string;
  /** Tries with `retry`. */
  readonly get: number;
  readonly post: number;
  /** The client gets a part of a reply, never a whole one. */
  readonly cut?: boolean;
}

const ROWS: readonly Row[] = [
  // Nothing was sent, so that a POST may be tried again as well.
  {
    fault: 'refuses',
    status: 502,
    token: 'connection_refused',
    error: 'connect_refused',
    outcome: 'connect_refused',
    get: 2,
    post: 2,
  },
  {
    fault: 'resets',
    status: 502,
    token: 'connection_terminated',
    error: 'reset',
    outcome: 'reset',
    get: 2,
    post: 1,
  },
  {
    fault: 'half-closes',
    status: 502,
    token: 'connection_terminated',
    error: 'reset',
    outcome: 'reset',
    get: 2,
    post: 1,
  },
  {
    fault: 'stalls',
    status: 504,
    token: 'http_response_timeout',
    error: 'reply_timeout',
    outcome: 'reply_timeout',
    get: 2,
    post: 1,
  },
  {
    fault: 'garbage',
    status: 502,
    token: 'http_protocol_error',
    error: 'bad_reply',
    outcome: 'bad_reply',
    get: 2,
    post: 1,
  },
  { fault: 'unavailable', status: 503, token: null, error: null, outcome: 'status_5xx', get: 2, post: 1 },
  {
    fault: 'lies-short',
    status: 200,
    token: null,
    error: 'reply_cut',
    outcome: 'reply_cut',
    get: 1,
    post: 1,
    cut: true,
  },
  {
    fault: 'stalls-in-body',
    status: 200,
    token: null,
    error: 'idle_timeout',
    outcome: 'idle_timeout',
    get: 1,
    post: 1,
    cut: true,
  },
  { fault: 'lies-long', status: 200, token: null, error: null, outcome: 'ok', get: 1, post: 1 },
  { fault: 'slices', status: 200, token: null, error: null, outcome: 'ok', get: 1, post: 1 },
  { fault: 'drips', status: 200, token: null, error: null, outcome: 'ok', get: 1, post: 1 },
  { fault: 'answers-early', status: 200, token: null, error: null, outcome: 'ok', get: 1, post: 1 },
];

const RETRY = { attempts: 2, on: ['connect', 'reset', 'timeout', 503], backoff: '1ms' };
/** Short only where the fault is that time runs out: the others must not fail by it where the machine stalls. */
const timeoutsOf = (fault: Row['fault']) => ({
  firstByte: fault === 'stalls' ? '250ms' : '10s',
  idle: fault === 'stalls-in-body' ? '250ms' : '10s',
  request: '20s',
});
const BODY = 'x'.repeat(3000);
const post = (path: string) =>
  `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: ${BODY.length}\r\n\r\n${BODY}`;

const cases = ROWS.flatMap((row) =>
  [true, false].flatMap((retry) =>
    (['GET', 'POST'] as const).map((method) => ({
      row,
      method,
      upstream: `${row.fault}-${retry ? 'on' : 'off'}`,
      name: `${row.fault} × ${method} × retry ${retry ? 'on' : 'off'}`,
      attempts: retry ? (method === 'GET' ? row.get : row.post) : 1,
    })),
  ),
);

describe.each(EDGES)('the fault matrix (%s edge)', (edge) => {
  let gateway: Gateway;
  const targets = new Map<string, string>();
  const seen = new Map<string, readonly string[]>();

  beforeAll(async () => {
    const parts = [];
    for (const { upstream, row } of cases.filter(({ method }) => method === 'GET')) {
      let port = await freePort();
      if (row.fault !== 'refuses') {
        const origin = await startFaultOrigin();
        origin.fault = row.fault;
        seen.set(upstream, origin.seen);
        port = origin.port;
      }
      targets.set(upstream, `127.0.0.1:${port}`);
      const retry = upstream.endsWith('-on') ? { retry: RETRY } : {};
      parts.push(through(upstream, port, { timeouts: timeoutsOf(row.fault), ...retry }));
    }
    gateway = await startProxy(edge, joined(parts));
  });

  test.each(cases)('$name', async ({ row, method, upstream, attempts }) => {
    const path = `/${upstream}/${method}`;
    const client = await connect(gateway.port);
    await client.send(method === 'GET' ? get(path) : post(path));
    if (row.cut) {
      const bytes = String(await client.untilClosed());
      expect(bytes).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
      expect(bytes).toMatch(/\r\n\r\nfine$/);
    } else {
      const reply = await client.reply();
      expect(reply.status).toBe(row.status);
      expect(reply.get('proxy-status')).toBe(row.token === null ? undefined : `sluice; error=${row.token}`);
      if (row.status === 200) expect(String(reply.body)).toBe('fine');
    }
    const line = await gateway.waitForRequest({ path });
    expect(line).toMatchObject({ status: row.status, attempts, upstream, target: targets.get(upstream) });
    expect(line['error'] ?? null).toBe(row.error);
    const asked = seen.get(upstream)?.filter((each) => each === `${method} ${path}`) ?? [];
    expect(asked).toHaveLength(row.fault === 'refuses' ? 0 : attempts);
  });

  test('every attempt is counted once, for its target and by its outcome', async () => {
    for (const { upstream, row } of cases.filter(({ method }) => method === 'GET')) {
      const of = cases.filter((each) => each.upstream === upstream);
      const attempts = of.reduce((sum, each) => sum + each.attempts, 0);
      const labels = { upstream, target: targets.get(upstream)! };
      await expectMetric(
        gateway,
        'sluice_upstream_requests_total',
        { ...labels, outcome: row.outcome },
        attempts,
      );
      await expectMetric(gateway, 'sluice_upstream_requests_total', labels, attempts);
      await expectMetric(gateway, 'sluice_retries_total', { upstream }, attempts - of.length);
    }
    await expectMetric(gateway, 'sluice_active_requests', {}, 0);
  });
});
