import { afterEach, beforeEach, expect, test } from 'vitest';
import type { ReplyHead } from '../../src/contracts/http.ts';
import type { Route, Runtime } from '../../src/contracts/runtime.ts';
import type { Downstream, Source } from '../../src/contracts/transport.ts';
import { BlockHead } from '../../src/lib/reply-head.ts';
import { Exchange } from '../../src/pipeline/exchange.ts';
import { finish, flight } from '../../src/pipeline/reply.ts';
import { clientGone } from '../../src/pipeline/run.ts';
import { endTogether } from '../../src/pipeline/together.ts';

/** What the edges were given, in order: whole replies as text. */
let written: string[] = [];

beforeEach(() => {
  written = [];
  flight.active = 10;
});
afterEach(() => {
  flight.active = 0;
});

/** An edge like the real ones: what it is given is taken at once, and then the exchange is over. */
class Edge implements Downstream {
  x!: Exchange;
  #head!: ReplyHead;

  start(head: ReplyHead): void {
    this.#head = head;
  }

  write(chunk: Uint8Array, last: boolean): boolean {
    const { bytes, from, to } = this.#head.apart();
    const lines = Buffer.from(bytes.subarray(from, to)).toString() + this.#head.lines;
    written.push(`${lines}|${Buffer.from(chunk).toString()}`);
    if (last) finish(this.x);
    return true;
  }

  cut(): void {
    clientGone(this.x);
  }
}

const route = { done: [], response: [], request: [] } as unknown as Route;
const runtime = {
  refused: route,
  leave: () => undefined,
} as unknown as Runtime;

/** The one place that replies are read into, as for a whole process. */
const received = Buffer.alloc(65_536);

/** A reply that has just been read. Answers whether it waits for the end of the turn. */
function reply(
  lines: string,
  body: string,
  meddle: (head: ReplyHead) => void = () => undefined,
  asked: Source | null = null,
) {
  received.fill('?');
  received.write(lines + body, 7);
  const edge = new Edge();
  const x = (edge.x = new Exchange(runtime, edge, 'http', 'GET', '/', '', [], '127.0.0.1'));
  const head = new BlockHead(200, body.length, received, 7, 7 + lines.length);
  meddle(head);
  x.reply = head;
  x.started = true;
  x.body = asked;
  flight.active++;
  edge.start(head);
  const start = 7 + lines.length;
  const waits = endTogether(x, received.subarray(start, start + body.length));
  return { x, waits };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

test('replies of one turn are written at its end, in their order, whatever is read over them', async () => {
  for (let i = 0; i < 50; i++) expect(reply(`x-n: ${i}\r\n`, `body ${i}`).waits).toBe(true);
  received.fill('!');
  expect(written).toEqual([]);
  await turn();
  expect(written).toEqual(Array.from({ length: 50 }, (_, i) => `x-n: ${i}\r\n|body ${i}`));
  expect(flight.active).toBe(10);
  reply('x-n: 50\r\n', 'body 50');
  await turn();
  expect(written.at(-1)).toBe('x-n: 50\r\n|body 50');
});

test('what policies have done to a head goes along', async () => {
  reply('x-a: 1\r\nx-b: 2\r\n', 'body', (head) => {
    head.remove('x-a');
    head.add('x-c', '3');
    head.replace(['x-d'], 'x-d: 4\r\n');
  });
  received.fill('!');
  await turn();
  expect(written).toEqual(['x-b: 2\r\nx-c: 3\r\nx-d: 4\r\n|body']);
});

test('nothing is written for a client that left in between', async () => {
  const gone = reply('x-n: 1\r\n', 'one');
  reply('x-n: 2\r\n', 'two');
  clientGone(gone.x);
  await turn();
  expect(written).toEqual(['x-n: 2\r\n|two']);
  expect(gone.x.aborted).toBe(true);
});

test('what a client goes on sending cannot undo the reply that waits', async () => {
  let discarded = 0;
  const body = {
    length: -1,
    pipe: () => undefined,
    resume: () => undefined,
    discard: () => void discarded++,
  } satisfies Source;
  reply('x-n: 1\r\n', 'early', undefined, body);
  expect(discarded).toBe(1);
  await turn();
  expect(written).toEqual(['x-n: 1\r\n|early']);
});

test('a long reply, one beyond the room, and one of few under way do not wait', async () => {
  expect(reply('x: 1\r\n', 'a'.repeat(5_000)).waits).toBe(false);
  expect(reply(`x: ${'1'.repeat(5_000)}\r\n`, 'a').waits).toBe(false);
  const waited = Array.from({ length: 40 }, () => reply('x: 1\r\n', 'a'.repeat(4_000)).waits);
  expect(waited).toContain(true);
  expect(waited.at(-1)).toBe(false);
  await turn();
  expect(written.length).toBe(waited.filter(Boolean).length);
  expect(reply('x: 1\r\n', 'a').waits).toBe(true);
  await turn();
  flight.active = 3;
  expect(reply('x: 1\r\n', 'a').waits).toBe(false);
});

test('lines that stand apart count for the room, and are whole to its end', async () => {
  const lines = `x-d: ${'4'.repeat(3_000)}\r\n`;
  const apart = (head: ReplyHead) => head.replace(['x-d'], lines);
  expect(reply('x: 1\r\n', 'a', (head) => head.replace(['x-d'], lines + lines)).waits).toBe(false);
  const waited = Array.from({ length: 60 }, () => reply('x: 1\r\n', 'body', apart).waits);
  expect(waited.at(-1)).toBe(false);
  await turn();
  expect(written).toEqual(waited.filter(Boolean).map(() => `x: 1\r\n${lines}|body`));
});

test('the reply that a write brings about is written too', async () => {
  const first = reply('x: 1\r\n', 'first');
  const write = first.x.down.write.bind(first.x.down);
  first.x.down.write = (chunk, last) => {
    reply('x: 2\r\n', 'second');
    return write(chunk, last);
  };
  await turn();
  expect(written).toEqual(['x: 1\r\n|first', 'x: 2\r\n|second']);
});
