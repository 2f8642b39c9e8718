import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { GatewayConfig } from '../../src/contracts/config.ts';
import { fault, type FaultCode } from '../../src/contracts/fault.ts';
import type { Reply, ReplyHead } from '../../src/contracts/http.ts';
import type { Exchange as ExchangeContract } from '../../src/contracts/exchange.ts';
import type { Step } from '../../src/contracts/policy.ts';
import type { Route, Runtime } from '../../src/contracts/runtime.ts';
import type { Downstream } from '../../src/contracts/transport.ts';
import { Exchange } from '../../src/pipeline/exchange.ts';
import { finish, flight, report } from '../../src/pipeline/reply.ts';
import { begin, bodyFault, clientGone } from '../../src/pipeline/run.ts';

/** An edge that keeps what it is told. Like a real one it calls `finish` after the last piece. */
class Edge implements Downstream {
  x!: Exchange;
  heads: ReplyHead[] = [];
  body = '';
  ended = 0;
  cuts = 0;

  start(head: ReplyHead): void {
    this.heads.push(head);
  }

  write(chunk: Uint8Array, last: boolean): boolean {
    this.body += Buffer.from(chunk).toString();
    if (!last) return true;
    this.ended++;
    finish(this.x);
    return true;
  }

  cut(): void {
    this.cuts++;
    clientGone(this.x);
  }
}

const text = (body: string, status = 200): Reply => ({
  status,
  headers: ['x-from', body],
  body: Buffer.from(body),
});

let told: string[] = [];
let reported: unknown[] = [];
let inside = 0;
const reporter = report.error;

beforeEach(() => {
  told = [];
  reported = [];
  inside = 0;
  report.error = (error) => reported.push(error);
});

afterEach(() => {
  report.error = reporter;
  expect(inside).toBe(0);
  expect(flight.active).toBe(0);
});

/** One policy: what its request hook answers, and what its response hook replaces the reply by. */
interface Plain {
  readonly name: string;
  readonly request?: (x: ExchangeContract) => Step;
  readonly response?: (x: ExchangeContract) => undefined | Reply;
}

/** Hook arrays as the compiler makes them, each noting that it ran. */
function routeOf(policies: Plain[], rest: Partial<Route> = {}): Route {
  const request: ((x: ExchangeContract) => Step)[] = [];
  const response: Route['response'][number][] = [];
  for (const { name, request: ask, response: see } of policies) {
    if (ask)
      request.push((x) => {
        told.push(`${name}>`);
        return ask(x);
      });
    const run = (x: ExchangeContract) => {
      told.push(`<${name} ${x.reply?.status}`);
      return see?.(x);
    };
    response.unshift({ depth: ask ? request.length : 0, run });
  }
  return {
    id: 'r',
    upstreamId: null,
    request,
    attempt: [],
    settled: [],
    response,
    done: [() => told.push('done')],
    respond: text('answer'),
    refuse: null,
    upstream: null,
    timeouts: { connect: 0, firstByte: 0, request: 0, idle: 0 },
    rank: 1,
    bodyBytes: 1000,
    slots: 0,
    ...rest,
  };
}

function start(route: Route, refused: FaultCode | null = null, inFlight = 10) {
  const runtime = {
    generation: 1,
    config: { limits: { inFlight } } as GatewayConfig,
    find: () => route,
    notFound: route,
    notAllowed: route,
    refused: route,
    identityHeaders: { has: () => false },
    trusts: () => false,
    enter: () => void inside++,
    leave: () => void inside--,
    retire: () => undefined,
  } satisfies Runtime;
  const edge = new Edge();
  const x = (edge.x = new Exchange(runtime, edge, 'http', 'GET', '/', '', ['host', 'x'], '127.0.0.1'));
  begin(x, null, refused === null ? null : fault(refused));
  return { x, edge };
}

/** A promise and its two ends. */
function later<T>() {
  let resolve!: (value: T) => void;
  let reject!: (error: Error) => void;
  const promise = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}

const pass = () => undefined;
const problem = (edge: Edge) => JSON.parse(edge.body) as { type: string; status: number };

describe('request hooks', () => {
  test('run in order, replies pass in reverse, then all is done', () => {
    const { edge } = start(
      routeOf([
        { name: 'a', request: pass },
        { name: 'b', request: pass },
      ]),
    );
    expect(told).toEqual(['a>', 'b>', '<b 200', '<a 200', 'done']);
    expect(edge).toMatchObject({ body: 'answer', ended: 1, cuts: 0 });
    expect(edge.heads).toHaveLength(1);
  });

  test('one that answers ends the walk; the hooks behind it see nothing', () => {
    const { edge } = start(
      routeOf([
        { name: 'a', request: pass },
        { name: 'b', request: () => text('no', 403) },
        { name: 'c', request: pass },
        { name: 'watcher' },
      ]),
    );
    expect(told).toEqual(['a>', 'b>', '<watcher 403', '<b 403', '<a 403', 'done']);
    expect([edge.heads[0]?.status, edge.body]).toEqual([403, 'no']);
  });

  test.each([
    ['passes', undefined, ['a>', 'b>', '<b 200', '<a 200', 'done'], 'answer'],
    ['answers', text('late', 401), ['a>', '<a 401', 'done'], 'late'],
  ])('one that waits, then %s', async (_name, outcome, order, body) => {
    const waiting = later<undefined | Reply>();
    const { x, edge } = start(
      routeOf([
        { name: 'a', request: () => waiting.promise },
        { name: 'b', request: pass },
      ]),
    );
    expect([told, x.finished, flight.active]).toEqual([['a>'], false, 1]);
    waiting.resolve(outcome);
    await waiting.promise;
    expect(told).toEqual(order);
    expect(edge).toMatchObject({ body, ended: 1 });
  });

  test.each(['resolve', 'reject'] as const)(
    'one that still waits when the client leaves, then %ss',
    async (how) => {
      const waiting = later<undefined>();
      const { x, edge } = start(
        routeOf([
          { name: 'a', request: () => waiting.promise },
          { name: 'b', request: pass },
        ]),
      );
      clientGone(x);
      clientGone(x);
      expect([told, x.aborted, x.fault?.code]).toEqual([['a>', 'done'], true, 'client_left']);
      if (how === 'resolve') waiting.resolve(undefined);
      else waiting.reject(new Error('late'));
      await waiting.promise.catch(() => undefined);
      await Promise.resolve();
      expect(told).toEqual(['a>', 'done']);
      expect([edge.heads, edge.body]).toEqual([[], '']);
    },
  );

  test('one that throws, and one whose promise fails: 500, told to the operator, not to the client', async () => {
    const secret = new Error('secret');
    for (const request of [
      () => {
        throw secret;
      },
      () => Promise.reject(secret),
    ]) {
      told = [];
      reported = [];
      const { edge } = start(
        routeOf([
          { name: 'a', request },
          { name: 'b', request: pass },
        ]),
      );
      await new Promise((resolve) => setImmediate(resolve));
      expect(reported).toEqual([secret]);
      expect(problem(edge)).toMatchObject({ type: 'urn:sluice:problem:internal', status: 500 });
      expect(edge.body).not.toContain('secret');
      expect(told).toEqual(['a>', '<a 500', 'done']);
    }
  });
});

describe('response hooks', () => {
  test('may replace the reply: later ones see the new one, the last body is sent', () => {
    const { edge } = start(
      routeOf([
        {
          name: 'a',
          request: pass,
          response: (x) => (x.reply?.status === 202 ? text('second', 203) : undefined),
        },
        { name: 'b', request: pass, response: () => text('first', 202) },
      ]),
    );
    expect(told).toEqual(['a>', 'b>', '<b 200', '<a 202', 'done']);
    expect([edge.heads.length, edge.heads[0]?.status, edge.body]).toEqual([1, 203, 'second']);
  });

  test('one that throws: 500, once', () => {
    const { x, edge } = start(
      routeOf([
        { name: 'a', request: pass },
        {
          name: 'b',
          request: pass,
          response: () => {
            throw new Error('secret');
          },
        },
      ]),
    );
    expect(problem(edge)).toMatchObject({ status: 500 });
    expect([reported.length, x.fault?.code, edge.ended]).toEqual([1, 'internal', 1]);
    expect(told.filter((each) => each === 'done')).toHaveLength(1);
  });
});

describe('the end', () => {
  test('a done hook that throws takes nothing from the others', () => {
    const route = routeOf([], {
      done: [
        () => {
          throw new Error('first');
        },
        () => void told.push('second'),
      ],
    });
    start(route);
    expect(told).toContain('second');
    expect(reported).toHaveLength(1);
  });

  test('what the edge refused goes past the request hooks, not past the watchers', () => {
    const { edge } = start(routeOf([{ name: 'a', request: pass }, { name: 'watcher' }]), 'bad_request');
    expect(told).toEqual(['<watcher 400', 'done']);
    expect(problem(edge).status).toBe(400);
  });

  test('too many in flight: 503 with Retry-After', () => {
    const { edge } = start(routeOf([]), null, 0);
    expect(problem(edge)).toMatchObject({ type: 'urn:sluice:problem:overload', status: 503 });
    expect(edge.heads[0]?.get('retry-after')).toBe('1');
  });

  test('a body that breaks a rule while a hook waits is answered at once, and once', async () => {
    const waiting = later<undefined>();
    const { x, edge } = start(routeOf([{ name: 'a', request: () => waiting.promise }]));
    bodyFault(x, fault('body_too_large'));
    bodyFault(x, fault('body_timeout'));
    waiting.resolve(undefined);
    await waiting.promise;
    await Promise.resolve();
    expect([problem(edge).status, x.poisoned, edge.ended]).toEqual([413, true, 1]);
    expect(told).toEqual(['a>', '<a 413', 'done']);
  });

  test('a body that breaks a rule when the reply has begun cuts it, and is not the client’s leaving', () => {
    const route = routeOf([], { respond: null, refuse: 'internal' });
    const waiting = new Promise<undefined>(() => undefined);
    const { x, edge } = start({ ...route, request: [() => waiting] });
    // As a streamed reply would.
    x.started = true;
    bodyFault(x, fault('body_timeout'));
    expect([edge.cuts, edge.heads, x.aborted, x.fault?.code]).toEqual([1, [], false, 'body_timeout']);
    expect(told).toEqual(['done']);
  });
});
