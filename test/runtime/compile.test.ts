import { inertServices } from '../../src/lib/inert.ts';
import { expect, test } from 'vitest';
import { envelope } from '../../src/contracts/config.ts';
import type { Match, Wanted } from '../../src/contracts/runtime.ts';
import { compile } from '../../src/runtime/compile.ts';
import { Keep } from '../../src/runtime/keep.ts';
import type { Exchange } from '../../src/contracts/exchange.ts';
import { deafObserver } from '../../src/runtime/observer.ts';
import { Upstreams } from '../../src/runtime/upstreams.ts';

/** Round robin does not look at it. */
const x = {} as Exchange;
const upstream = (id: string, extra: object = {}) => ({
  id,
  targets: [{ url: 'http://127.0.0.1:1' }],
  ...extra,
});
const route = (id: string, extra: object = {}) => ({
  id,
  match: { paths: [`/${id}`] },
  upstream: 'u',
  ...extra,
});

function make(config: object, keep = new Keep(), generation = 1) {
  const snapshot = { generation, config: envelope.parse({ version: 1, ...config }) };
  const upstreams = new Upstreams(keep);
  const parts = { upstreams, observer: deafObserver, services: inertServices };
  return { keep, runtime: compile(snapshot, parts) };
}

const wanted = (path: string, method = 'GET'): Wanted => ({
  method,
  host: 'x',
  path,
  query: '',
  headers: [],
});
const match = (): Match => ({ params: [], allow: '' });

test('a route’s own time-outs and limits replace only what they name', () => {
  const { runtime } = make({
    limits: { bodyBytes: '5KB' },
    upstreams: [upstream('u', { timeouts: { connect: '1s', request: '3s' } })],
    routes: [route('a'), route('b', { timeouts: { request: '7s' }, bodyBytes: '1KB' })],
  });
  const [a, b] = ['/a', '/b'].map((path) => runtime.find(wanted(path), match()));
  expect(a).toMatchObject({
    timeouts: { connect: 1000, firstByte: 0, request: 3000, idle: 60_000 },
    bodyBytes: 5120,
  });
  expect(b).toMatchObject({
    timeouts: { connect: 1000, firstByte: 0, request: 7000, idle: 60_000 },
    bodyBytes: 1024,
  });
});

test('what matches nothing, and what matches but for the method', () => {
  const { runtime } = make({
    routes: [{ id: 'a', match: { paths: ['/a'], methods: ['GET', 'PUT'] }, respond: {} }],
  });
  expect(runtime.find(wanted('/x'), match())).toMatchObject({ id: '-', refuse: 'not_found' });
  const found = match();
  expect(runtime.find(wanted('/a', 'POST'), found)).toMatchObject({ id: '-', refuse: 'method_not_allowed' });
  expect(found.allow.split(', ').sort()).toEqual(expect.arrayContaining(['GET', 'PUT']) as string[]);
});

test('a route’s policy replaces the global one, and `false` switches it off', () => {
  const { runtime } = make({
    policies: { ip: { deny: ['203.0.113.0/24'] } },
    routes: ['on', 'off'].map((id) => ({
      ...route(id, { respond: {}, policies: id === 'off' ? { ip: false } : {} }),
      upstream: undefined,
    })),
  });
  expect(runtime.find(wanted('/on'), match()).request).toHaveLength(1);
  expect(runtime.find(wanted('/off'), match()).request).toHaveLength(0);
});

test('pools live on over a reload that changes nothing about them, and go with their last exchange', () => {
  const config = { upstreams: [upstream('u')], routes: [route('a')] };
  const { keep, runtime: first } = make(config);
  const pool = (runtime: typeof first) =>
    runtime.find(wanted('/a'), match()).upstream!.pick(x, null)!.transport;
  const transport = pool(first);
  const { runtime: second } = make(config, keep, 2);
  expect(pool(second)).toBe(transport);
  first.enter();
  first.retire();
  const { runtime: third } = make(
    { upstreams: [upstream('u', { connections: { max: 3 } })], routes: [route('a')] },
    keep,
    3,
  );
  expect(pool(third)).not.toBe(transport);
  // Two pools, and what is known of the load of the one address.
  second.retire();
  expect(keep.size).toBe(3);
  first.leave();
  expect(keep.size).toBe(2);
  third.retire();
  expect(keep.size).toBe(0);
});

test('a configuration that cannot be served leaves nothing claimed', () => {
  const keep = new Keep();
  const broken = {
    ...upstream('v'),
    targets: [{ url: 'http://127.0.0.1:1' }, { url: 'https://127.0.0.1:1' }],
    tls: { ca: 'not PEM', cert: 'x' },
  };
  expect(() => make({ upstreams: [upstream('u'), broken], routes: [route('a')] }, keep)).toThrow();
  expect(keep.size).toBe(0);
});
