import { expect, test } from 'vitest';
import { request } from '../admin/request.ts';
import { startGateway } from '../support/gateway.ts';
import { startOrigin } from '../support/origin.ts';
import { startRedis } from '../support/redis.ts';

const PARTS = Array.from({ length: 40 }, (_, i) => `${i + 10}`);

/**
 * The addon reads every request into the same memory. A limit by address asks Redis before anybody has looked at a field,
 * and others are read there until the answer comes.
 */
test('a request that waits goes on with its own fields, whatever is read meanwhile', async () => {
  const redis = await startRedis();
  const origin = await startOrigin();
  const limit = { by: 'ip', rate: '1000/h', algorithm: 'fixed-window', precision: 'exact' };
  const gateway = await startGateway({
    workers: 1,
    config: {
      version: 1,
      store: { kind: 'redis', url: `redis://127.0.0.1:${redis.port}`, timeout: '1000ms' },
      upstreams: [{ id: 'o', targets: [{ url: origin.url }] }],
      routes: [{ id: 'r', match: { paths: ['/*'] }, upstream: 'o', policies: { limit: [limit] } }],
    },
  });
  // Heads of one form and length, so that each lies where the one before did.
  const replies = await Promise.all(
    PARTS.map((part) =>
      request(gateway.port, 'GET', `/${part}`, undefined, {
        host: 'x',
        'x-one': part,
        te: 'x',
        'x-two': part,
      }),
    ),
  );
  expect(new Set(replies.map(({ status }) => status))).toEqual(new Set([200]));
  const seen = origin.requests.map((each) => [each.url, ...each.get('x-one'), ...each.get('x-two')]);
  expect(seen.toSorted()).toEqual(PARTS.map((part) => [`/${part}`, part, part]));
}, 30_000);
