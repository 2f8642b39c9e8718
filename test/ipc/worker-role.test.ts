import { beforeEach, expect, test } from 'vitest';
import type { GatewayConfig } from '../../src/contracts/config.ts';
import type { ToPrimary, ToWorker } from '../../src/contracts/messages.ts';
import type { Runtime } from '../../src/contracts/runtime.ts';
import { WorkerRole } from '../../src/ipc/worker-role.ts';
import type { Listener } from '../../src/ipc/worker-role.ts';

/** What happened, in order: words to the primary by their `t`, acts by their name. */
let events: string[] = [];
let tell: (message: ToWorker) => void = () => {};
let listens: () => Promise<void>;
let finish: () => void = () => {};

const listener: Listener = {
  kind: 'node',
  listen: () => listens(),
  stopListening: () => void events.push('stop'),
  drained: (done) => (finish = done),
  close: () => void events.push('close'),
};

const runtimeOf = (generation: number): Runtime =>
  ({ generation, retire: () => void events.push(`retire ${generation}`) }) as unknown as Runtime;

const say = (message: ToPrimary) => {
  if (message.t !== 'metrics')
    events.push('generation' in message ? `${message.t} ${message.generation}` : message.t);
};

beforeEach(() => {
  events = [];
  listens = () => Promise.resolve();
  new WorkerRole(
    { send: say, on: (handle) => (tell = handle) },
    {
      compile: ({ generation, config }) => {
        if ((config as unknown) === 'bad') throw new Error('unusable');
        return runtimeOf(generation);
      },
      serve: ({ generation }) => (events.push(`serve ${generation}`), listener),
      deltas: () => [],
    },
    { exit: (code) => void events.push(`exit ${code}`), warn: (line) => void events.push(line) },
  );
});

const snapshot = (generation: number, config: unknown = 'good') =>
  tell({ t: 'snapshot', snapshot: { generation, config: config as GatewayConfig } });
const commit = (generation: number) => tell({ t: 'commit', generation });
const settled = () => new Promise(setImmediate);

test('the first commit opens the listener, later ones only swap', async () => {
  snapshot(1);
  commit(1);
  await settled();
  snapshot(2);
  commit(2);
  expect(events).toEqual(['prepared 1', 'serve 1', 'ready 1', 'prepared 2', 'serve 2', 'applied 2']);
});

test('a refused snapshot leaves what is served; what was prepared and never committed is retired', async () => {
  snapshot(1);
  commit(1);
  await settled();
  events = [];
  snapshot(2);
  snapshot(2, 'bad');
  commit(2);
  expect(events).toEqual([
    'prepared 2',
    'retire 2',
    'refused 2',
    'told to commit generation 2, which is not prepared here',
  ]);
});

test('a port that cannot be opened is told before the process ends', async () => {
  listens = () => Promise.reject(new Error('in use'));
  snapshot(1);
  commit(1);
  await settled();
  expect(events).toEqual(['prepared 1', 'serve 1', 'unable', 'exit 1']);
});

test('a commit while the port is being opened: ready tells of what is served by then', async () => {
  let opened: () => void = () => {};
  listens = () => new Promise((resolve) => (opened = resolve));
  snapshot(1);
  commit(1);
  snapshot(2);
  commit(2);
  opened();
  await settled();
  expect(events.slice(-2)).toEqual(['applied 2', 'ready 2']);
});

test('a drain stops listening, waits for what runs, and ends once', async () => {
  snapshot(1);
  commit(1);
  await settled();
  events = [];
  const drain: ToWorker = { t: 'drain', delayMs: 0, graceMs: 60_000 };
  tell(drain);
  tell(drain);
  await new Promise((resolve) => setTimeout(resolve, 5));
  expect(events).toEqual(['stop']);
  finish();
  finish();
  expect(events).toEqual(['stop', 'close', 'drained', 'exit 0']);
});

test('a drain before anything is served ends at once', async () => {
  tell({ t: 'drain', delayMs: 0, graceMs: 60_000 });
  await new Promise((resolve) => setTimeout(resolve, 5));
  expect(events).toEqual(['drained', 'exit 0']);
});
