import { pino } from 'pino';
import { describe, expect, test } from 'vitest';
import { envelope } from '../../src/contracts/config.ts';
import type { GatewayConfig } from '../../src/contracts/config.ts';
import type { Consumer } from '../../src/contracts/consumer.ts';
import { Overlay, type ServedConsumer } from '../../src/control/overlay.ts';
import { openRedisRecords } from '../stores/redis-support.ts';
import { startRedis } from '../support/redis.ts';

const keyOf = (id: string) => ({
  id,
  hash: `sha256:abcdefgh:salt:${Buffer.from(id).toString('hex').padStart(64, '0')}`,
});
const ids = (node: Node) => node.overlay.consumer('alice')?.consumer.keys.map(({ id }) => id);

interface Node {
  readonly overlay: Overlay;
  /** The newest configuration that workers have been given. */
  readonly served: () => GatewayConfig | null;
}

/** What a node has of consumers, over a file that knows none. */
async function openNode(url: string): Promise<Node> {
  let served: GatewayConfig | null = null;
  let generation = 0;
  const overlay = new Overlay(envelope.parse({ version: 1 }), {
    publish: (config) => {
      served = config;
      return Promise.resolve({ ok: true as const, generation: ++generation });
    },
    records: await openRedisRecords(url),
    log: pino({ level: 'silent' }),
  });
  await overlay.load();
  return { overlay, served: () => served };
}

const without = (key: string) => (present: ServedConsumer | null) => ({
  ...present!.consumer,
  keys: present!.consumer.keys.filter(({ id }) => id !== key),
});
const withKey = (key: string) => (present: ServedConsumer | null) => ({
  ...present!.consumer,
  keys: [...present!.consumer.keys, keyOf(key)],
});
const inGroup = (group: string) => (present: ServedConsumer | null) => ({
  ...present!.consumer,
  groups: [group],
});

describe('two nodes that change one consumer at once', () => {
  const nodes = async () => {
    const { url } = await startRedis();
    return Promise.all([openNode(url), openNode(url)]);
  };
  const say = ({ overlay }: Node, edit: (present: ServedConsumer | null) => Consumer | null) =>
    overlay.change('alice', 'test', edit);
  const begin = ([one, two]: Node[], keys: string[]) =>
    Promise.all([
      say(one!, () => ({ id: 'alice', groups: [], keys: keys.map(keyOf) })),
      expect.poll(() => ids(two!)).toEqual(keys),
    ]);

  test('a key that one takes away does not come back with what the other changes', async () => {
    const both = await nodes();
    const [one, two] = both;
    const keys = Array.from({ length: 20 }, (_, i) => `k${i}`);
    await begin(both, keys);
    for (const [i, key] of keys.entries()) {
      const [deleted, grouped] = await Promise.all([say(one, without(key)), say(two, inGroup(`g${i}`))]);
      expect([deleted.ok, grouped.ok]).toEqual([true, true]);
      for (const node of both) {
        await expect.poll(() => ids(node)).toEqual(keys.slice(i + 1));
        await expect.poll(() => node.overlay.consumer('alice')?.consumer.groups).toEqual([`g${i}`]);
        await node.overlay.settled();
        // What workers serve is that, too.
        expect(node.served()?.consumers[0]).toEqual(node.overlay.consumer('alice')?.consumer);
      }
    }
  });

  test('keys that both make are both there', async () => {
    const both = await nodes();
    await begin(both, []);
    const made = Array.from({ length: 10 }, (_, i) => [`a${i}`, `b${i}`]);
    for (const [a, b] of made) await Promise.all([say(both[0], withKey(a!)), say(both[1], withKey(b!))]);
    for (const node of both) await expect.poll(() => ids(node)?.toSorted()).toEqual(made.flat().toSorted());
  });

  test('a change that is not allowed any more is refused, and leaves what the other made', async () => {
    const both = await nodes();
    await begin(both, ['k']);
    const onlyWith = (key: string) => (present: ServedConsumer | null) => {
      if (present?.consumer.keys.every(({ id }) => id !== key) !== false) throw new Error('gone');
      return without(key)(present);
    };
    const outcomes = await Promise.allSettled(both.map((node) => say(node, onlyWith('k'))));
    expect(outcomes.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
    for (const node of both) {
      await expect.poll(() => ids(node)).toEqual([]);
      await node.overlay.settled();
      expect(node.served()?.consumers[0]?.keys).toEqual([]);
    }
  });
});
