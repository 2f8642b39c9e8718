import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { envelope } from '../../src/contracts/config.ts';
import type { Exchange } from '../../src/contracts/exchange.ts';
import type { RequestHead } from '../../src/contracts/http.ts';
import type { Upstream } from '../../src/contracts/runtime.ts';
import type { Sink, Target } from '../../src/contracts/transport.ts';
import { FactBoard } from '../../src/ipc/facts.ts';
import { Keep } from '../../src/runtime/keep.ts';
import { Upstreams } from '../../src/runtime/upstreams.ts';
import { atEnd } from '../support/cleanup.ts';

const x = {} as Exchange;

/** A worker's upstreams, with the primary's voice. */
function make() {
  const keep = new Keep();
  const board = new FactBoard(() => undefined);
  const upstreams = new Upstreams(keep, board);
  const learn: FactBoard['tell'] = (kind, id, value) => {
    board.keep({ kind, id, value });
    board.hear({ kind, id, value });
  };
  const claim = (...list: object[]) => {
    const { upstreams: map, release } = upstreams.claim(envelope.parse({ version: 1, upstreams: list }));
    return { upstream: map.get('u')!, release };
  };
  return { keep, learn, claim };
}

/** An origin that answers with its address. */
async function listenOn(host: string, port = 0): Promise<number> {
  const server = createServer((_, response) => response.end(host));
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, host, resolve));
  atEnd(() => void server.close());
  return (server.address() as AddressInfo).port;
}

const head: RequestHead = {
  method: 'GET',
  target: '/',
  host: 'h',
  lines: '',
  added: 'connection: close\r\n',
  length: 0,
  explicitZero: false,
};

/** The body of one reply, or the code of the fault. */
const ask = ({ transport }: Target): Promise<string> =>
  new Promise((resolve) => {
    let body = '';
    const sink: Sink = {
      onOpen: () => undefined,
      onHead: () => undefined,
      onData: (chunk, last) => {
        body += Buffer.from(chunk).toString();
        if (last) resolve(body);
      },
      onDrain: () => undefined,
      onFault: ({ code }) => resolve(code),
    };
    transport.open(head, { connect: 2_000, firstByte: 0, request: 0, idle: 0 }, 0, sink);
  });

const turns = (upstream: Upstream, count: number) =>
  Promise.all(Array.from({ length: count }, () => ask(upstream.pick(x, null)!)));
/** Facts of one batch are taken in together. */
const settled = () => new Promise<void>((resolve) => setImmediate(resolve));

test('every address of a name is called; when they change, what runs and what is kept follows', async () => {
  const port = await listenOn('127.0.0.1');
  await listenOn('127.0.0.2', port);
  const { keep, learn, claim } = make();
  learn('addresses', 'app.test', ['127.0.0.1', '127.0.0.2']);
  const { upstream, release } = claim({ id: 'u', targets: [{ url: `http://app.test:${port}` }] });
  expect((await turns(upstream, 4)).sort()).toEqual(['127.0.0.1', '127.0.0.1', '127.0.0.2', '127.0.0.2']);
  expect(upstream.pick(x, null)!.id).toBe(`app.test:${port}`);
  learn('addresses', 'app.test', ['127.0.0.2']);
  await settled();
  expect(await turns(upstream, 2)).toEqual(['127.0.0.2', '127.0.0.2']);
  expect(keep.size).toBe(2);
  release();
  expect(keep.size).toBe(0);
});

test('an address that refuses is covered by one of the other family: it nearly always is the same machine', async () => {
  const port = await listenOn('127.0.0.1');
  const { learn, claim } = make();
  learn('addresses', 'app.test', ['127.0.0.1', '::1']);
  const { upstream } = claim({ id: 'u', targets: [{ url: `http://app.test:${port}` }] });
  expect(await turns(upstream, 6)).toEqual(Array.from({ length: 6 }, () => '127.0.0.1'));
});

test('addresses of both families are both called where both answer', async () => {
  const port = await listenOn('127.0.0.1');
  await listenOn('::1', port);
  const { learn, claim } = make();
  learn('addresses', 'app.test', ['127.0.0.1', '::1']);
  const { upstream } = claim({ id: 'u', targets: [{ url: `http://app.test:${port}` }] });
  expect((await turns(upstream, 4)).sort()).toEqual(['127.0.0.1', '127.0.0.1', '::1', '::1']);
});

test('facts reach every upstream that lives, the old one too, and none that was given back', async () => {
  const targets = [{ url: 'http://127.0.0.1:1' }, { url: 'http://127.0.0.1:2' }];
  const { learn, claim } = make();
  const old = claim({ id: 'u', targets });
  const { upstream, release } = claim({ id: 'u', targets });
  learn('ejection', 'u 127.0.0.1:1', { ms: 1 });
  learn('ejection', 'other 127.0.0.1:2', { ms: 1 });
  await settled();
  for (const each of [old.upstream, upstream]) expect(each.pick(x, null)!.id).toBe('127.0.0.1:2');
  old.release();
  release();
  learn('ejection', 'u 127.0.0.1:1', null);
  await settled();
  expect(upstream.pick(x, null)!.id).toBe('127.0.0.1:2');
});
