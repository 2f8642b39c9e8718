/**
 * What is measured. `field`: who contends; `fields`: what is sent (wrk.lua); `body`: what must come back; `forwards`: from
 * the origin; `tokens`: with a fresh token each; `kind`: which measurement; `sameFor`: whose half is the rate of all (absent:
 * everyone's own).
 */
import { gateways } from './gateways.mjs';
import { BODY, LARGE_BODY } from './origin.mjs';
import { crowded, everybody, everything, HELLO, limited, scaled, servers, steady } from './proxies.mjs';

const api = {
  kind: 'load',
  field: servers,
  path: '/api/users',
  fields: 'browser',
  body: BODY,
  forwards: true,
  connections: 64,
};

const NO_TOKEN = [
  'nginx (without lua) verifies no token and counts nothing for metrics; nginx+lua and haproxy count nothing either.',
];

export const scenarios = {
  S1: { ...api, title: 'proxying, browser-like request', field: everything },
  'S1-slices': { ...api, title: 'S1 in turns of 100 ms', kind: 'slices', field: steady },
  'S1-apart': {
    ...api,
    title: 'S1 in turns of 100 ms, from an origin that answers each request in a write of its own',
    kind: 'slices',
    field: steady,
    path: '/api/apart',
  },
  'S1-autocannon': { ...api, title: 'S1 under autocannon instead of wrk', tool: 'autocannon' },
  'S1-limit': { ...api, title: 'S1 with and without a limit by address', kind: 'slices', field: limited },
  S2: {
    ...api,
    title: 'token verified, limited by user, logged',
    field: gateways,
    tokens: true,
    notes: NO_TOKEN,
  },
  S3: { ...api, title: 'answered by the proxy itself', path: '/hello', body: HELLO, forwards: false },
  S4: { ...api, title: 'replies of 64 KB', path: '/api/64k', body: LARGE_BODY },
  S5: { ...api, title: 'POST of 16 KB', fields: 'post' },
  S6: { ...api, title: 'one route of 10,000', field: crowded },
  'S7-1': { ...api, title: 'one connection', connections: 1 },
  'S7-512': { ...api, title: '512 connections', connections: 512 },
  S8: { ...api, title: 'a connection opened for each request', fields: 'close', field: everybody },
  S9: { ...api, title: 'two workers against one', field: scaled },
  half: { ...api, title: 'latency of each at half of what it can serve itself', kind: 'rate' },
  'half-nginx': {
    ...api,
    title: 'latency of all at half of what nginx can serve',
    kind: 'rate',
    sameFor: 'nginx',
  },
  idle: { ...api, title: 'memory, idle and with 10,000 idle connections', kind: 'idle', field: everybody },
  soak: {
    ...api,
    title: 'memory of Sluice under S2',
    kind: 'soak',
    field: gateways.slice(0, 1),
    tokens: true,
  },
  twelve: { ...api, title: 'proxying, Host and 11 more fields', fields: 'twelve' },
  plain: { ...api, title: 'proxying, only Host', fields: 'plain' },
};
