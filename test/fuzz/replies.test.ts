import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { atEnd } from '../support/cleanup.ts';
import { startGateway, type Gateway } from '../support/gateway.ts';
import { startTcpOrigin } from '../support/origin.ts';
import { MalformedReply, parseReply, type WireReply } from '../support/reply-parser.ts';
import { addressOf, FuzzClient } from './client.ts';
import { MARK, REPLIES } from './corpus.ts';
import { cutAt, cuts, mutated } from './mutate.ts';
import { plainReply, type PlainReply } from './plain-reply.ts';
import { campaign, casesOf, escaped, LIMIT_MS } from './settings.ts';

const WIDTH = 384;
/** The gateway gives up on an origin long before. */
const HANG_MS = 20_000;

interface Case {
  readonly reply: Buffer;
  readonly places: readonly number[];
  readonly method: 'GET' | 'HEAD';
  /** What the origin does when it has sent its reply. */
  readonly then: 'stays' | 'ends' | 'resets';
}

const cases: fc.Arbitrary<Case> = fc.record({
  reply: mutated(REPLIES),
  places: cuts,
  method: fc.constantFrom('GET', 'GET', 'GET', 'HEAD'),
  then: fc.constantFrom('stays', 'ends', 'ends', 'resets'),
});

/** The reply with a mark of its own, in the segments that the origin sends. */
function segmentsOf({ reply, places, method }: Case, index: number): Buffer[] {
  const mark = index.toString(36).padStart(MARK.length, '0');
  const bytes = Buffer.from(reply.toString('latin1').replaceAll(MARK, mark), 'latin1');
  // What follows a reply must come with its end: later it may meet the next request, and is the answer to that.
  const { state, end } = plainReply(bytes.toString('latin1'), method === 'HEAD');
  return cutAt(bytes, state === 'done' ? places.filter((place) => place % bytes.length < end) : places);
}

/** After a reply that is whole another request may be on its way, which a reset would hit. */
function thenOf(each: Case, index: number): Case['then'] {
  const text = Buffer.concat(segmentsOf(each, index)).toString('latin1');
  const whole = plainReply(text, each.method === 'HEAD').state === 'done';
  return whole && each.then === 'resets' ? 'stays' : each.then;
}

/** An origin that answers `/INDEX` with what the case of that index says. */
async function startHostileOrigin(current: ReadonlyMap<number, Case>): Promise<number> {
  const serve = (socket: Socket) => {
    let ending = false;
    socket.setNoDelay(true);
    socket.on('error', () => socket.destroy());
    socket.on('data', (data: Buffer) => {
      const index = Number(/^[A-Z]+ \/(\d+) /.exec(data.toString('latin1'))?.[1]);
      const each = current.get(index);
      if (each === undefined) return void socket.destroy();
      // The end that this connection is due to belongs to the case before: it must not come within this reply.
      if (ending) return;
      const then = thenOf(each, index);
      ending = then !== 'stays';
      void answer(socket, segmentsOf(each, index), then);
    });
  };
  const server = createServer(serve);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', 4096, resolve));
  atEnd(() => void server.close());
  return (server.address() as AddressInfo).port;
}

async function answer(socket: Socket, segments: readonly Buffer[], then: Case['then']): Promise<void> {
  for (const segment of segments) {
    if (!socket.writable) return;
    await new Promise<void>((resolve) => socket.write(segment, () => setImmediate(resolve)));
  }
  if (then === 'ends') socket.end();
  if (then === 'resets') socket.resetAndDestroy();
}

describe.each(['uws', 'node'] as const)('replies of a hostile origin, through the %s edge', (edge) => {
  const current = new Map<number, Case>();
  let gateway: Gateway;
  let workers: number[];
  beforeAll(async () => {
    gateway = await startGateway({ config: configOf(edge, await startHostileOrigin(current)) });
    workers = gateway.workers();
  });

  async function run(each: Case, index: number): Promise<string | null> {
    current.set(index, each);
    // One address has too few ports for all connections of the last minute.
    using client = new FuzzClient(gateway.port, addressOf(index));
    await client.send([Buffer.from(`${each.method} /${index} HTTP/1.1\r\nHost: fuzz\r\n\r\n`)]);
    const wrong = await judge(edge, client, each, index);
    current.delete(index);
    if (wrong === null) return null;
    const sent = segmentsOf(each, index).map((part) => `"${escaped(part)}"`);
    return `${escaped(Buffer.from(wrong, 'latin1'))}\n  ${each.method}, the origin ${each.then}: ${sent.join(' | ')}\n  received "${escaped(Buffer.from(client.received, 'latin1'))}"`;
  }

  test(
    'reach the client as they are, or as a problem document, or cut',
    async () => {
      const wrong = await campaign(cases, Math.ceil(casesOf('replies') / 2), WIDTH, run);
      expect(wrong).toEqual([]);
      expect(gateway.workers()).toEqual(workers);
      expect(gateway.output).not.toMatch(/"level":"(error|fatal)"/);
    },
    LIMIT_MS,
  );
});

/** Waits for the whole reply, or for the end of the connection, and compares it with a plain reading of what was sent. */
async function judge(edge: string, client: FuzzClient, each: Case, index: number): Promise<string | null> {
  const until = performance.now() + HANG_MS;
  let reply: WireReply | null = null;
  while (reply === null && !client.closed) {
    if (performance.now() > until) return 'the gateway neither answers nor ends the connection';
    await client.more(100);
    try {
      const parsed = parseReply(Buffer.from(client.received, 'latin1'), each.method);
      if (parsed !== null && parsed.rest.length > 0) return 'bytes behind the reply';
      reply = parsed?.reply ?? null;
    } catch (error) {
      if (error instanceof MalformedReply) return error.message;
      throw error;
    }
  }
  if (client.unconnected !== '') return client.unconnected;
  const sent = Buffer.concat(segmentsOf(each, index)).toString('latin1');
  const plain = plainReply(sent, each.method === 'HEAD');
  if (reply === null) return judgeCut(client.received, plain);
  const body = reply.body.toString('latin1');
  if (reply.get('proxy-status') !== undefined && reply.get('x-mark') === undefined)
    return judgeProblem(edge, reply, body, plain, each);
  // A reset right behind the last bytes is no more than an end for who reads them later, and so is the end that the
  // connection owes to the case before.
  const whole = plain.state === 'done' || plain.untilClose;
  if (!whole) return 'a reply that the origin did not complete';
  if (reply.status !== plain.status) return `status ${reply.status}`;
  if (body !== plain.body) return `body "${body}"`;
  const fields = new Set(reply.fields.map(([name, value]) => `${name.toLowerCase()}:${value}`));
  const missing = plain.block
    .split('\r\n')
    .map((line) => /^([^:]+):[ \t]*(.*?)[ \t]*$/.exec(line))
    .filter((field) => field !== null && !fields.has(`${field[1]!.toLowerCase()}:${field[2]!}`));
  return missing.length > 0 ? `missing ${missing[0]![0]}` : null;
}

/** A problem document says that the origin is at fault: it must be. */
function judgeProblem(
  edge: string,
  reply: WireReply,
  body: string,
  plain: PlainReply,
  { method }: Case,
): string | null {
  if (reply.status !== 502 && reply.status !== 504) return `status ${reply.status} for a fault of the origin`;
  const error = reply.get('proxy-status') ?? '';
  if (!/^sluice; error=[a-z_]+$/.test(error)) return 'no Proxy-Status';
  if (method !== 'HEAD' && !body.startsWith('{"type":"urn:sluice:problem:'))
    return `no problem document: ${body}`;
  // The end of a connection after one reply may meet the next request, and the uws edge sends no head beyond 15 KB.
  if (edge === 'uws' && plain.block.length > 15_000) return null;
  const excused = error.endsWith('=connection_terminated');
  return plain.state === 'done' && !excused ? 'a good reply was refused' : null;
}

/** The connection ended within the reply: what came is the beginning of what the origin sent. */
function judgeCut(received: string, plain: PlainReply): string | null {
  if (plain.state === 'done') return 'a good reply was cut';
  if (received === '') return null;
  if (!received.startsWith(`HTTP/1.1 ${plain.status} `)) return 'a head that the origin did not send';
  const body = received.slice(received.indexOf('\r\n\r\n') + 4);
  const bare = /\r\ntransfer-encoding: chunked\r\n/i.test(received) ? unchunked(body) : body;
  return plain.body.startsWith(bare) ? null : `body "${bare}"`;
}

/** The data of chunks that may break off anywhere. */
function unchunked(body: string): string {
  let data = '';
  for (let at = 0; ;) {
    const end = body.indexOf('\r\n', at);
    if (end < 0) return data;
    const size = parseInt(body.slice(at, end), 16);
    data += body.slice(end + 2, end + 2 + size);
    at = end + 4 + size;
  }
}

const configOf = (edge: string, port: number) => ({
  version: 1,
  log: { access: false },
  listen: { http: { host: '127.0.0.1', edge } },
  upstreams: [
    {
      id: 'origin',
      targets: [{ url: `http://127.0.0.1:${port}` }],
      connections: { max: 1024 },
      timeouts: { connect: '5s', firstByte: '8s', request: '10s', idle: '4s' },
    },
  ],
  routes: [{ id: 'all', match: { paths: ['/*'] }, upstream: 'origin' }],
});

const OK = 'HTTP/1.1 200 OK\r\n';

/** What an origin may send without end, or for 10 MB at least. */
const ENDLESS: Record<string, { start: string; piece: string }> = {
  head: { start: OK, piece: `X-A: ${'a'.repeat(1000)}\r\n` },
  line: { start: `${OK}X-A: `, piece: 'a'.repeat(1000) },
  status: { start: 'HTTP/1.1 200 ', piece: 'a'.repeat(1000) },
  interim: { start: '', piece: 'HTTP/1.1 102 Processing\r\n\r\n' },
};

/** Answers `/NAME` with what stands there under that name, as fast as it is taken, and `/trickle` a field at a time. */
function startEndlessOrigin() {
  return startTcpOrigin((socket) => {
    let timer: NodeJS.Timeout | undefined;
    socket.once('close', () => clearInterval(timer));
    socket.once('data', (data: Buffer) => {
      const endless = ENDLESS[/ \/(\S+) /.exec(data.toString())?.[1] ?? ''];
      socket.write(endless?.start ?? OK);
      if (endless !== undefined) flood(socket, endless.piece.repeat(64), 10_000_000);
      else timer = setInterval(() => socket.writable && socket.write('X-A: a\r\n'), 100);
    });
  });
}

function flood(socket: Socket, piece: string, bytes: number): void {
  let left = bytes;
  const pump = () => {
    while (left > 0 && socket.writable) {
      left -= piece.length;
      if (!socket.write(piece)) return void socket.once('drain', pump);
    }
  };
  pump();
}

describe.each(['uws', 'node'] as const)('an origin without end, through the %s edge', (edge) => {
  let gateway: Gateway;
  beforeAll(async () => {
    gateway = await startGateway({ config: configOf(edge, (await startEndlessOrigin()).port) });
  });

  test.each(Object.keys(ENDLESS))('%s: 10 MB are cut off and answered 502', async (name) => {
    const [worker = 0] = gateway.workers();
    const before = gateway.rss(worker);
    const replies = await Promise.all(Array.from({ length: 20 }, () => fetch(`${gateway.url}/${name}`)));
    for (const reply of replies) {
      expect(reply.status).toBe(502);
      expect(reply.headers.get('proxy-status')).toBe('sluice; error=http_protocol_error');
    }
    expect(gateway.rss(worker) - before).toBeLessThan(64 * 1024 * 1024);
  });

  test('a head that trickles for ever is answered 504 in time', async () => {
    const from = performance.now();
    const reply = await fetch(`${gateway.url}/trickle`);
    expect(reply.status).toBe(504);
    expect(reply.headers.get('proxy-status')).toBe('sluice; error=http_response_timeout');
    expect(performance.now() - from).toBeLessThan(HANG_MS);
  });
});
