import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { afterEach, expect, test } from 'vitest';
import { openChannel } from '../../src/ipc/channel.ts';
import type { OpenChannel } from '../../src/ipc/channel.ts';

interface Message {
  readonly t: string;
  readonly n?: number;
  readonly data?: unknown;
}

const children: ChildProcess[] = [];

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

function forkEcho(): { child: ChildProcess; channel: OpenChannel<Message, Message>; warnings: string[] } {
  const program = fileURLToPath(new URL('./echo.mjs', import.meta.url));
  const child = fork(program, { serialization: 'advanced', execArgv: [] });
  children.push(child);
  const warnings: string[] = [];
  const channel = openChannel<Message, Message>(child, {
    warn: (line) => warnings.push(line),
    patient: true,
  });
  return { child, channel, warnings };
}

/** The next `count` messages. */
function heard(channel: OpenChannel<Message, Message>, count: number): Promise<Message[]> {
  const messages: Message[] = [];
  return new Promise((resolve) => {
    channel.on((message) => {
      messages.push(message);
      if (messages.length === count) resolve(messages);
    });
  });
}

test('10,000 messages go to another process and come back in order', async () => {
  const { channel } = forkEcho();
  const back = heard(channel, 10_000);
  for (let n = 0; n < 10_000; n++) {
    channel.send({ t: 'count', n });
    if (n % 997 === 0) await new Promise(setImmediate);
  }
  expect((await back).map(({ n }) => n)).toEqual(Array.from({ length: 10_000 }, (_, n) => n));
});

test('a peer that is killed in between swallows the rest and nothing throws', async () => {
  const { child, channel } = forkEcho();
  const first = heard(channel, 1);
  for (let n = 0; n < 5_000; n++) channel.send({ t: 'count', n });
  await first;
  child.kill('SIGKILL');
  for (let n = 5_000; n < 10_000; n++) channel.send({ t: 'count', n });
  await once(child, 'exit');
  channel.send({ t: 'count', n: -1 });
  await new Promise<void>((resolve) => channel.flush(resolve));
});

test('flush calls back when the messages have left, and at once when there is no peer', async () => {
  const { channel } = forkEcho();
  const hello = heard(channel, 1);
  channel.send({ t: 'hello' });
  await hello;
  const back = heard(channel, 1);
  channel.send({ t: 'count', n: 1 });
  await new Promise<void>((resolve) => channel.flush(resolve));
  expect(await back).toEqual([{ t: 'count', n: 1 }]);

  const orphan = openChannel<Message, Message>({ on: () => {} }, { warn: () => {} });
  orphan.send({ t: 'count', n: 2 });
  await new Promise<void>((resolve) => orphan.flush(resolve));
});

test('malformed batches and messages are dropped with a line, and the next good one arrives', async () => {
  const { channel, warnings } = forkEcho();
  const back = heard(channel, 1);
  const oneNumber = Buffer.from([0x01]);
  const aMapAndANumber = Buffer.from([0x92, 0x80, 0x07]);
  for (const data of ['text', 5, null, Buffer.from([0xc1]), oneNumber, aMapAndANumber]) {
    channel.send({ t: 'raw', data });
  }
  channel.send({ t: 'good' });
  expect(await back).toEqual([{ t: 'good' }]);
  expect(warnings).toEqual([
    ...new Array<string>(5).fill('dropped a malformed batch from the peer process'),
    'dropped 2 malformed messages from the peer process',
  ]);
});

test('what arrives is what was sent, whatever plain data it is', async () => {
  const { channel } = forkEcho();
  let waiting: (message: Message) => void = () => {};
  channel.on((message) => waiting(message));
  const plain = fc.jsonValue({ depthSize: 'medium', maxDepth: 6 });
  await fc.assert(
    fc.asyncProperty(plain, async (data) => {
      fc.pre(!JSON.stringify(data).includes('__proto__'));
      const back = new Promise<Message>((resolve) => (waiting = resolve));
      channel.send({ t: 'data', data });
      // The packer knows no negative zero, and no message needs one; nor does JSON.
      expect((await back).data).toEqual(JSON.parse(JSON.stringify(data)));
    }),
    { numRuns: 200 },
  );
});
