import { expect, test } from 'vitest';
import type { Exchange } from '../../src/contracts/exchange.ts';
import type { Target, Transport } from '../../src/contracts/transport.ts';
import { Upstream } from '../../src/upstream/upstream.ts';

const x = {} as Exchange;
const transport: Transport = { open: () => undefined, cancel: () => undefined, close: () => undefined };

test('an upstream keeps what it was made of and hands its targets out in turn', () => {
  const targets = ['a', 'b'].map((id): Target => ({ id, authority: id, weight: 1, transport }));
  const upstream = new Upstream('u', { name: 'x' }, targets);
  expect(upstream).toMatchObject({ id: 'u', host: { name: 'x' }, targets });
  const [first, second, third] = [upstream.pick(x, null), upstream.pick(x, null), upstream.pick(x, null)];
  expect(new Set([first, second]).size).toBe(2);
  expect(third).toBe(first);
});
