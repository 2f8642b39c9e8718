import { connect, type Socket } from 'node:net';
import { HEADER_LIMIT } from './addon.ts';
import { endChunksByHand } from './uws-by-hand.ts';
import type { ListenSocket, Uws, UwsApp, UwsRequest, UwsResponse } from './uws-types.ts';

/** What a build of the addon can do, as seen on the wire. */
export interface SelfTest {
  /** One line for each property that the edge relies on and that does not hold; empty = passed. */
  readonly failures: string[];
  /** Whether header fields may be written as one block, by themselves and behind a status; else they go one by one. */
  readonly blockWrite: boolean;
}

/** A good build needs a tenth of this; a bad one may never answer. */
const PATIENCE_MS = 2_000;
/** The addon's own limit when the environment sets none. */
const DEFAULT_HEADER_BYTES = 4096;

const HEAD = 'Host: t\r\n';
const CLOSE = 'Connection: close\r\n\r\n';

/**
 * Asks an App of `uws` over real sockets for everything that older or changed builds of the addon get wrong and
 * that no caller could repair. Runs once, in the primary, before workers start. Takes at most 2 s, never rejects,
 * and leaves nothing open.
 */
export async function selfTest(uws: Uws): Promise<SelfTest> {
  const open = new Set<Socket>();
  const hangUp = (): void => open.forEach((socket) => socket.destroy());
  const timer = setTimeout(hangUp, PATIENCE_MS);
  let app: UwsApp | null = null;
  try {
    app = uws.App();
    app.any('/*', answer);
    const ask = asker(await listenLocally(uws, app), open);
    const [blockWrite, ...outcomes] = await Promise.all([
      writesBlocks(ask),
      survivesSplits(ask),
      keepsUnderscores(ask),
      refusesManyFields(ask),
      refusesLongHeads(ask),
      refusesControls(ask),
      showsBothLengths(ask),
      answersHead(ask),
      endsByHand(ask),
    ]);
    return { failures: outcomes.filter((outcome) => outcome !== null), blockWrite };
  } catch (error) {
    return { failures: [`the self-test could not run: ${String(error)}`], blockWrite: false };
  } finally {
    clearTimeout(timer);
    hangUp();
    app?.close();
  }
}

function endByHand(res: UwsResponse): void {
  let open = true;
  res.onAborted(() => (open = false));
  res.write('whole');
  endChunksByHand(res);
  afterTurns(2 * TURNS, () => open && res.close());
}

/** Sends the parts, each in a segment of its own, and gives all that comes back until the connection ends. */
type Ask = (...parts: string[]) => Promise<string>;
/** Null = holds; else what is wrong. */
type Outcome = Promise<string | null>;

const BODY_LENGTH = 1234;
const BLOCK = Buffer.from('(x-one: 1\r\nx-two: 2)', 'latin1');
const OPENING = Buffer.from('(201 Created\r\nx-one: 1\r\nx-two: 2)', 'latin1');

function answer(res: UwsResponse, req: UwsRequest): void {
  // A build whose `end` does not end would otherwise end this process.
  res.onAborted(() => {});
  switch (req.getUrl()) {
    case '/head':
      res.endWithoutBody(BODY_LENGTH, true);
      return;
    case '/block':
      // A view inside a larger buffer, as replies of upstreams are.
      res.writeHeader(BLOCK.subarray(1, 6), BLOCK.subarray(8, -1)).end('', true);
      return;
    case '/opening':
      res.writeStatus(OPENING.subarray(1, -1)).end('', true);
      return;
    case '/hand':
      return endByHand(res);
    default: {
      const fields: string[] = [];
      req.forEach((name, value) => fields.push(`${name}=${value}`));
      res.end(`[${fields.join(' ')}]`, true);
    }
  }
}

async function survivesSplits(ask: Ask): Outcome {
  const line = 'GET /split?query=1 HTTP/1.1\r\n';
  const cuts = Array.from({ length: line.length }, (_, i) => i + 1);
  const replies = await Promise.all(cuts.map((at) => ask(line.slice(0, at), line.slice(at) + HEAD + CLOSE)));
  const bad = replies.findIndex((reply) => statusOf(reply) !== '200');
  if (bad < 0) return null;
  return `a request line that arrives in two pieces is answered ${statusOf(replies[bad]!)} (cut after byte ${cuts[bad]!})`;
}

async function keepsUnderscores(ask: Ask): Outcome {
  const reply = await ask(`GET / HTTP/1.1\r\n${HEAD}x_under_score: 1\r\n${CLOSE}`);
  return reply.includes('x_under_score=1') ? null : 'a field name with an underscore does not arrive';
}

async function refusesManyFields(ask: Ask): Outcome {
  const reply = await ask(`GET / HTTP/1.1\r\n${HEAD}${'a: b\r\n'.repeat(101)}${CLOSE}`);
  return statusOf(reply) === '431' ? null : `more than 100 fields are answered ${statusOf(reply)}, not 431`;
}

async function refusesLongHeads(ask: Ask): Outcome {
  const limit = Number(process.env[HEADER_LIMIT]) || DEFAULT_HEADER_BYTES;
  const reply = await ask(`GET / HTTP/1.1\r\n${HEAD}a: ${'b'.repeat(limit)}\r\n${CLOSE}`);
  return statusOf(reply) === '431'
    ? null
    : `a head of more than ${limit} bytes is answered ${statusOf(reply)}, not 431`;
}

/** Values go on as they are: one with a line end in it would be two fields. */
async function refusesControls(ask: Ask): Outcome {
  const replies = await Promise.all(
    ['\n', '\0'].map((control) => ask(`GET / HTTP/1.1\r\n${HEAD}a: b${control}c: d\r\n${CLOSE}`)),
  );
  return replies.some((reply) => statusOf(reply) === '200')
    ? 'a value with a control character is not refused'
    : null;
}

/** The edge refuses such a request (RFC 9112 section 6.3); for that it must see both. */
async function showsBothLengths(ask: Ask): Outcome {
  const reply = await ask(`POST / HTTP/1.1\r\n${HEAD}Content-Length: 1\r\nContent-Length: 2\r\n${CLOSE}x`);
  const shown = reply.includes('content-length=1 content-length=2') || statusOf(reply) === '400';
  return shown ? null : 'two differing Content-Length fields are not shown as two';
}

async function answersHead(ask: Ask): Outcome {
  const reply = await ask(`HEAD /head HTTP/1.1\r\n${HEAD}${CLOSE}`);
  const good = reply.endsWith('\r\n\r\n') && fieldsOf(reply).includes(`content-length: ${BODY_LENGTH}`);
  return good ? null : 'a HEAD request is not answered by the length alone';
}

/** The reply must be well-formed, and a request behind it never be seen. */
async function endsByHand(ask: Ask): Outcome {
  const request = `GET /hand HTTP/1.1\r\n${HEAD}\r\n`;
  const [reply, more] = await Promise.all([ask(request), ask(request, `GET / HTTP/1.1\r\n${HEAD}${CLOSE}`)]);
  const good = /\r\n\r\n5\r\nwhole\r\n0\r\n[^\r]+\r\n\r\n$/.test(reply) && !more.includes('host=t');
  return good ? null : 'a reply cannot be ended by hand';
}

async function writesBlocks(ask: Ask): Promise<boolean> {
  const [block, opening] = await Promise.all(
    ['block', 'opening'].map((path) => ask(`GET /${path} HTTP/1.1\r\n${HEAD}${CLOSE}`)),
  );
  const whole = [block!, opening!].every((reply) => {
    const fields = fieldsOf(reply);
    return fields.includes('x-one: 1') && fields.includes('x-two: 2');
  });
  return whole && statusOf(opening!) === '201';
}

const statusOf = (reply: string): string => /^HTTP\/1\.1 (\d{3}) /.exec(reply)?.[1] ?? 'not at all';
const fieldsOf = (reply: string): string[] => reply.toLowerCase().split('\r\n');

/** Opens a free port for this machine alone; resolves with it. */
export function listenLocally(uws: Uws, app: UwsApp): Promise<number> {
  return new Promise((resolve, reject) => {
    setTimeout(reject, PATIENCE_MS, new Error('its port does not open')).unref();
    app.listen('127.0.0.1', 0, (socket: ListenSocket | false) => {
      if (socket === false) reject(new Error('no free port on 127.0.0.1'));
      else resolve(uws.us_socket_local_port(socket));
    });
  });
}

/** A refused, reset or too slow connection gives what had come until then: to judge that is up to the check. */
function asker(port: number, open: Set<Socket>): Ask {
  return (...parts) =>
    new Promise((resolve) => {
      let reply = '';
      const socket = connect({ host: '127.0.0.1', port, noDelay: true });
      const send = (): void => {
        socket.write(parts.shift()!, 'latin1', () => {
          if (parts.length > 0) afterTurns(TURNS, send);
        });
      };
      open.add(socket);
      socket.setEncoding('latin1').on('data', (data: string) => (reply += data));
      socket.on('connect', send).on('error', () => socket.destroy());
      socket.on('close', () => {
        open.delete(socket);
        resolve(reply);
      });
    });
}

/** The App runs in this very event loop: after so many turns it has accepted a connection and read what was sent. */
const TURNS = 4;

function afterTurns(turns: number, then: () => unknown): void {
  setImmediate(turns > 1 ? () => afterTurns(turns - 1, then) : then);
}
