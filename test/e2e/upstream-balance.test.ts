import { expect, test } from 'vitest';
import { startOrigin } from '../support/origin.ts';
import { connect } from '../support/raw.ts';
import { EDGES, get, startProxy } from './proxying.ts';

test.each(EDGES)('weights 3:1:0 over 1,000 requests on the %s edge', async (edge) => {
  const origins = await Promise.all([startOrigin(), startOrigin(), startOrigin()]);
  const weights = [3, 1, 0];
  const targets = origins.map(({ url }, i) => ({ url, weight: weights[i] }));
  const gateway = await startProxy(edge, {
    upstreams: [{ id: 'u', targets }],
    routes: [{ id: 'r', match: { paths: ['/*'] }, upstream: 'u' }],
  });
  const client = await connect(gateway.port);
  const order: number[] = [];
  for (let i = 0; i < 1000; i++) {
    const before = origins.map(({ requests }) => requests.length);
    await client.send(get('/'));
    expect((await client.reply()).status).toBe(200);
    order.push(origins.findIndex(({ requests }, at) => requests.length > before[at]!));
  }
  expect(origins.map(({ requests }) => requests.length)).toEqual([750, 250, 0]);
  // Smooth: the light target has every fourth turn, never two in a row.
  const light = order.flatMap((at, i) => (at === 1 ? [i] : []));
  expect(new Set(light.slice(1).map((at, i) => at - light[i]!))).toEqual(new Set([4]));
});
