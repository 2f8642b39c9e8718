import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { expect, test } from 'vitest';
import { request } from '../admin/request.ts';
import { startGateway, type Gateway } from '../support/gateway.ts';
import { makeKey, sign } from '../support/issuer.ts';

const CONNECTIONS = 300;
const MB = 1024 ** 2;
/** Of the measurement, at most. */
const ROUNDS = 5;

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Forged tokens, every one a new one, for some seconds: one in flight on each connection. Gives how many had which status. */
async function flood(port: number, start: string, ms: number): Promise<Map<string, number>> {
  const answers = new Map<string, number>();
  const until = performance.now() + ms;
  const next = (socket: Socket): void => {
    if (performance.now() >= until) return void socket.destroy();
    const token = `${start}.${randomBytes(256).toString('base64url')}`;
    socket.write(`GET /closed HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\n\r\n`);
  };
  const sockets = Array.from({ length: CONNECTIONS }, () => connect(port, '127.0.0.1').setNoDelay());
  const closed = sockets.map((socket) => {
    socket.on('connect', () => next(socket));
    socket.on('data', (data) => {
      // A body that comes apart from its head is no further answer.
      if (data.toString('latin1', 0, 5) !== 'HTTP/') return;
      const status = data.toString('latin1', 9, 12);
      answers.set(status, (answers.get(status) ?? 0) + 1);
      next(socket);
    });
    return new Promise((resolve) => socket.once('close', resolve));
  });
  await Promise.all(closed);
  return answers;
}

/** p99 of the last second of the event loop in milliseconds; NaN = the worker has told nothing yet. */
async function lag(gateway: Gateway): Promise<number> {
  const text = await (await fetch(`${gateway.adminUrl}/metrics`)).text();
  return Number(/^sluice_event_loop_lag_seconds\{[^}]*\} (\S+)/m.exec(text)?.[1] ?? NaN) * 1000;
}

test('forged tokens by the thousand: others are served, the event loop is free, memory stays', async () => {
  const signer = await makeKey('k', 'RS256');
  const respond = { body: 'ok' };
  const jwt = { issuers: [{ issuer: 'i', jwks: { keys: [signer.jwk] } }] };
  const gateway = await startGateway({
    workers: 1,
    config: {
      version: 1,
      log: { access: false },
      routes: [
        { id: 'open', match: { paths: ['/open'] }, respond },
        { id: 'closed', match: { paths: ['/closed'] }, respond, policies: { jwt } },
      ],
    },
  });
  const token = await sign(signer, { iss: 'i', sub: 'u' });
  const good = { host: 'x', authorization: `Bearer ${token}` };
  const get = async (path: string) => (await request(gateway.port, 'GET', path, undefined, good)).status;
  expect(await get('/closed')).toBe(200);
  await expect.poll(() => lag(gateway)).toBeGreaterThan(0);

  const start = token.slice(0, token.lastIndexOf('.'));
  const [worker] = gateway.workers();
  const worst: number[] = [];
  const memory: number[] = [];
  // What else the machine does only ever adds to the lag: one round without it suffices, and two for the memory.
  while (worst.length < 2 || (worst.length < ROUNDS && Math.min(...worst) >= 50)) {
    let over = false;
    let lagMs = 0;
    const flooded = flood(gateway.port, start, 4_000).finally(() => (over = true));
    // The seconds before are not of this round.
    await pause(1_200);
    while (!over) {
      // What needs no signature checked is not turned away, a token that was good before included.
      for (const path of ['/open', '/closed']) expect(await get(path)).toBe(200);
      lagMs = Math.max(lagMs, await lag(gateway));
      await pause(100);
    }
    const answers = await flooded;
    expect([...answers.keys()].filter((status) => status !== '401' && status !== '503')).toEqual([]);
    expect(answers.get('401')).toBeGreaterThan(1_000);
    worst.push(lagMs);
    memory.push(gateway.rss(worker!));
  }
  expect(Math.min(...worst)).toBeLessThan(50);
  expect(memory.at(-1)! - memory[0]!).toBeLessThan(50 * MB);
}, 60_000);
