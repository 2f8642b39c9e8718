import { describe, expect, test } from 'vitest';
import { loadText } from '../../src/config/load.ts';
import { run } from './cases.ts';

const ladder = (first: string, second = '') => `version: 1
upstreams:
  - id: a
    targets: [{ url: "http://a" }]
    ${first}
  - id: b
    targets: [{ url: "http://b" }]
    ${second}
`;

describe('fallback', () => {
  run([
    [
      'an upstream that is not there',
      ladder('fallback: [{ upstream: bb }]'),
      ['5:28 upstreams.0.fallback.0.upstream', 'there is no upstream "bb"'],
    ],
    [
      'itself',
      ladder('fallback: [{ upstream: a }]'),
      ['5:28 upstreams.0.fallback.0.upstream', 'leads back to "a"'],
    ],
    [
      'a circle',
      ladder('fallback: [{ upstream: b }]', 'fallback: [{ upstream: a }]'),
      ['5:28 upstreams.0.fallback.0.upstream', 'leads back to "a"'],
      ['8:28 upstreams.1.fallback.0.upstream', 'leads back to "b"'],
    ],
    [
      'a step behind a reply',
      ladder('fallback: [{ respond: {} }, { upstream: b }]'),
      ['5:18 upstreams.0.fallback.0.respond', 'put it last'],
    ],
  ]);

  test('a stale reply is a warning as long as there is no cache', () => {
    const loaded = loadText(ladder('fallback: [{ stale: true }, { upstream: b }]'), 'a.yaml', { env: {} });
    expect(loaded.ok && loaded.warnings.map(({ path }) => path)).toEqual(['upstreams.0.fallback.0.stale']);
  });
});

describe('retry', () => {
  run([
    [
      'POST among the methods',
      ladder('retry: { methods: [GET, POST] }'),
      ['5:23 upstreams.0.retry.methods', 'Idempotency-Key'],
    ],
    [
      'a status that is no failure',
      ladder('retry: { on: [200] }'),
      ['5:19 upstreams.0.retry.on.0', '400 to 599'],
    ],
    ['more than all', ladder('retry: { budget: 120% }'), ['5:22 upstreams.0.retry.budget', '100']],
  ]);
});
