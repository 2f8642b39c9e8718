import type { Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { startTcpOrigin, type Origin } from './origin.ts';

/** How an origin fails, or is merely odd. What refuses connections is a port that nobody listens on. */
export const FAULTS = [
  'none',
  'resets',
  'half-closes',
  'stalls',
  'garbage',
  'unavailable',
  'lies-short',
  'stalls-in-body',
  'lies-long',
  'slices',
  'drips',
  'answers-early',
] as const;
export type FaultName = (typeof FAULTS)[number];

export interface FaultOrigin extends Origin {
  /** What it does with requests from now on; a function chooses for each. */
  fault: FaultName | ((line: string) => FaultName);
  /** Request lines without the version, in the order of their coming: what an application would have acted on. */
  readonly seen: readonly string[];
}

const text = (body: string, fields = ''): string =>
  `HTTP/1.1 200 OK\r\n${fields}Content-Length: ${body.length}\r\n\r\n${body}`;

/** Ends the connection after the reply, so that no failure of the next request is one of a stale connection. */
const CLOSING = 'Connection: close\r\n';
const GOOD = text('fine', CLOSING);

async function byBytes(socket: Socket, bytes: string, ms: number): Promise<void> {
  for (const byte of bytes) {
    if (socket.destroyed) return;
    socket.write(byte);
    await pause(ms);
  }
}

const ACTS: Readonly<Record<FaultName, (socket: Socket) => void>> = {
  // The connection stays, so that the next request may find it stale.
  none: (socket) => socket.write(text('fine')),
  resets: (socket) => void socket.resetAndDestroy(),
  'half-closes': (socket) => socket.end(),
  stalls: () => undefined,
  garbage: (socket) => socket.write('\x00\x01 what is this\r\n\r\n'),
  unavailable: (socket) => socket.end('HTTP/1.1 503 No\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno'),
  'lies-short': (socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nfine'),
  'stalls-in-body': (socket) => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nfine'),
  'lies-long': (socket) => socket.write(`${text('fine')} and more`),
  slices: (socket) => void byBytes(socket, GOOD, 0),
  drips: (socket) => void byBytes(socket, GOOD, 5),
  'answers-early': (socket) => socket.end(GOOD),
};

/** An origin whose behaviour is scripted. It acts when a request has come whole, or with `answers-early` at its head. */
export async function startFaultOrigin(): Promise<FaultOrigin> {
  const seen: string[] = [];
  const state: { fault: FaultOrigin['fault'] } = { fault: 'none' };
  const origin = await startTcpOrigin((socket) => {
    let kept = '';
    let noted = false;
    socket.on('data', (chunk: Buffer) => {
      kept += chunk.toString('latin1');
      for (;;) {
        const end = kept.indexOf('\r\n\r\n');
        if (end < 0) return;
        const line = kept.slice(0, kept.indexOf(' HTTP/'));
        if (!noted) seen.push(line);
        noted = true;
        const fault = typeof state.fault === 'function' ? state.fault(line) : state.fault;
        const whole = end + 4 + Number(/content-length: (\d+)/i.exec(kept.slice(0, end))?.[1] ?? 0);
        if (kept.length < whole && fault !== 'answers-early') return;
        kept = kept.slice(whole);
        noted = false;
        ACTS[fault](socket);
      }
    });
  });
  return {
    port: origin.port,
    url: origin.url,
    requests: [],
    get connections() {
      return origin.connections;
    },
    stop: () => origin.stop(),
    [Symbol.asyncDispose]: () => origin.stop(),
    seen,
    get fault() {
      return state.fault;
    },
    set fault(next: FaultOrigin['fault']) {
      state.fault = next;
    },
  };
}
