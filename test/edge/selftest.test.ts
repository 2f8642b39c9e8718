import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import {
  loadAddon,
  type Bytes,
  type ListenSocket,
  type Uws,
  type UwsApp,
  type UwsRequest,
  type UwsResponse,
} from '../../src/edge/addon.ts';
import { selfTest } from '../../src/edge/selftest.ts';

const cacheDir = mkdtempSync(join(tmpdir(), 'sluice-selftest-'));
afterAll(() => rmSync(cacheDir, { recursive: true, force: true }));
const uws = loadAddon({ cacheDir, headerBytes: 16_384 });

const SPLIT = /request line that arrives in two pieces/;
const UNDERSCORE = /underscore does not arrive/;

test('passes on this build, quickly, and again', async () => {
  const times: number[] = [];
  for (let run = 0; run < 3; run++) {
    const from = performance.now();
    expect(await selfTest(uws)).toEqual({ failures: [], blockWrite: true });
    times.push(performance.now() - from);
  }
  // The best of three: other test files share the machine.
  expect(Math.min(...times)).toBeLessThan(300);
});

test('passes without the methods that only this build has', async () => {
  const kind = Object.getPrototypeOf(uws.App()) as Record<string, unknown>;
  const extra = ['setIdleTimeout', 'setResponseTimeout', 'getIdleTimeout', 'getResponseTimeout'];
  const plain = (): UwsApp => {
    const app = uws.App();
    Object.setPrototypeOf(app, without(kind, extra));
    return app;
  };
  expect('setIdleTimeout' in plain()).toBe(false);
  expect(await selfTest({ ...uws, App: plain })).toEqual({ failures: [], blockWrite: true });
});

test('leaves the process free to go on or to end', async () => {
  const edge = `file://${join(import.meta.dirname, '..', '..', 'dist', 'edge')}`;
  const script = `
    const { loadAddon } = await import('${edge}/addon.js');
    const { selfTest } = await import('${edge}/selftest.js');
    const uws = loadAddon({ cacheDir: ${JSON.stringify(cacheDir)} });
    const { failures } = await selfTest(uws);
    const app = uws.App().any('/*', (res) => { res.end('ok') });
    const port = await new Promise((done) => app.listen('127.0.0.1', 0, (s) => done(uws.us_socket_local_port(s))));
    const reply = await fetch('http://127.0.0.1:' + port, { headers: { connection: 'close' } });
    app.close();
    console.log(failures.length, reply.status);`;
  const out = await new Promise((resolve, reject) => {
    execFile(
      process.execPath,
      ['--input-type=module', '-e', script],
      { timeout: 25_000 },
      (error, stdout) => {
        if (error === null) resolve(stdout.trim());
        else reject(new Error(`it did not end by itself: ${error.message}`));
      },
    );
  });
  expect(out).toBe('0 200');
});

test('finds a build that answers 505 to a request line in two pieces', async () => {
  const broken = behind((first) =>
    /\r\n/.test(first) ? 'pass' : 'HTTP/1.1 505 Version Not Supported\r\n\r\n',
  );
  const { failures } = await selfTest(broken);
  expect(failures).toHaveLength(1);
  expect(failures[0]).toMatch(SPLIT);
  expect(failures[0]).toContain('505');
});

test('finds a build that never answers a field name with an underscore, in 2 s', async () => {
  const broken = behind((first) => (first.includes('under_score') ? 'hang' : 'pass'));
  const from = performance.now();
  const { failures, blockWrite } = await selfTest(broken);
  expect(performance.now() - from).toBeLessThan(5_000);
  expect(failures).toEqual([expect.stringMatching(UNDERSCORE)]);
  expect(blockWrite).toBe(true);
});

test('finds a build that hangs on many fields and lets long heads through', async () => {
  const broken = behind((first) => {
    if (first.split('\r\n').length > 100) return 'hang';
    return first.length > 16_384 ? 'HTTP/1.1 200 OK\r\n\r\n' : 'pass';
  });
  expect((await selfTest(broken)).failures).toEqual([
    'more than 100 fields are answered not at all, not 431',
    'a head of more than 16384 bytes is answered 200, not 431',
  ]);
});

test('finds a build that takes a line end inside a value', async () => {
  const broken = behind((first) => (first.includes('a: b\nc: d') ? 'HTTP/1.1 200 OK\r\n\r\n' : 'pass'));
  expect((await selfTest(broken)).failures).toEqual(['a value with a control character is not refused']);
});

test('finds a build that shows the first of two Content-Lengths only', async () => {
  const broken = handling((res, req, handler) => {
    const seen = new Set<string>();
    const forEach: UwsRequest['forEach'] = (each) =>
      req.forEach((name, value) => {
        if (!seen.has(name)) each(name, value);
        seen.add(name);
      });
    handler(res, { ...bound(req), forEach });
  });
  expect((await selfTest(broken)).failures).toEqual([
    'two differing Content-Length fields are not shown as two',
  ]);
});

test('finds a build that forgets the length of a reply to HEAD', async () => {
  const broken = handling((res, req, handler) =>
    handler({ ...bound(res), endWithoutBody: () => res.end('', true) }, req),
  );
  expect((await selfTest(broken)).failures).toEqual(['a HEAD request is not answered by the length alone']);
});

test('finds a build that goes on with the next request behind a reply that is ended by hand', async () => {
  const broken = handling((res, req, handler) => {
    const write = (chunk: Bytes) => Boolean(res.end(chunk));
    handler(
      req.getUrl() === '/hand' ? { ...bound(res), write, writeHeader: () => res, close: () => res } : res,
      req,
    );
  });
  expect((await selfTest(broken)).failures).toEqual(['a reply cannot be ended by hand']);
});

test('a build that writes no blocks passes, and says so', async () => {
  const broken = handling((res, req, handler) => {
    const kept: UwsResponse = {
      ...bound(res),
      writeHeader: (name, value) => {
        const line = Buffer.from(value as Uint8Array)
          .toString('latin1')
          .split(/\r\n(?=.)/)[0]!;
        res.writeHeader(name, line);
        return kept;
      },
    };
    handler(kept, req);
  });
  expect(await selfTest(broken)).toEqual({ failures: [], blockWrite: false });
});

test('a build that writes no fields behind a status passes, and says so', async () => {
  const broken = handling((res, req, handler) => {
    const kept: UwsResponse = {
      ...bound(res),
      writeStatus: (status) => {
        res.writeStatus(
          Buffer.from(status as Uint8Array)
            .toString('latin1')
            .split('\r')[0]!,
        );
        return kept;
      },
    };
    handler(kept, req);
  });
  expect(await selfTest(broken)).toEqual({ failures: [], blockWrite: false });
});

test('reports a build that cannot listen, or that throws', async () => {
  const refusing = (): UwsApp => {
    const app = uws.App();
    const listen = (_host: string, _port: number, done: unknown): UwsApp => {
      (done as (socket: false) => void)(false);
      return app;
    };
    return { ...bound(app), listen };
  };
  const deaf = await selfTest({ ...uws, App: refusing });
  expect(deaf.failures).toEqual([expect.stringContaining('no free port')]);
  const throwing = (): UwsApp => {
    throw new Error('no such thing');
  };
  const { failures } = await selfTest({ ...uws, App: throwing });
  expect(failures).toEqual([expect.stringContaining('no such thing')]);
});

/** The real addon behind a front that judges the first piece of each connection: pass it on, never answer, or answer so. */
function behind(judge: (first: string) => string): Uws {
  const fronts = new Map<ListenSocket, Server>();
  const App = (): UwsApp => {
    const app = uws.App();
    const sockets = new Set<Socket>();
    const front: UwsApp = {
      ...bound(app),
      any: (pattern, handler) => (app.any(pattern, handler), front),
      listen: (host: string, port: number, done: unknown) => {
        app.listen(host, port, (inner) => {
          const server = createServer((client) =>
            pass(client, uws.us_socket_local_port(inner as ListenSocket), judge, sockets),
          );
          fronts.set(server, server);
          server.listen(0, host, () => (done as (socket: ListenSocket) => void)(server));
        });
        return front;
      },
      close: () => {
        for (const server of fronts.values()) server.close();
        for (const socket of sockets) socket.destroy();
        app.close();
        return front;
      },
    };
    return front;
  };
  const portOf = (socket: ListenSocket) => (fronts.get(socket)!.address() as AddressInfo).port;
  return { ...uws, App, us_socket_local_port: portOf };
}

function pass(client: Socket, port: number, judge: (first: string) => string, sockets: Set<Socket>): void {
  sockets.add(client);
  client.on('error', () => client.destroy());
  client.once('data', (first: Buffer) => {
    const verdict = judge(first.toString('latin1'));
    if (verdict === 'hang') return client.resume();
    if (verdict !== 'pass') return client.end(verdict);
    const inner = connect(port, '127.0.0.1');
    sockets.add(inner);
    inner.on('error', () => client.destroy());
    inner.write(first);
    client.pipe(inner).pipe(client);
  });
}

type Handler = (res: UwsResponse, req: UwsRequest) => void;

/** The real addon, with something between it and its handlers. */
function handling(between: (res: UwsResponse, req: UwsRequest, handler: Handler) => void): Uws {
  const App = (): UwsApp => {
    const app = uws.App();
    const front: UwsApp = {
      ...bound(app),
      any: (pattern, handler) => (app.any(pattern, (res, req) => between(res, req, handler)), front),
    };
    return front;
  };
  return { ...uws, App };
}

/** The methods of a native object as functions of a plain one. */
function bound<T extends object>(native: T): T {
  const methods = Object.getOwnPropertyNames(Object.getPrototypeOf(native)).map((name) => {
    const member = native[name as keyof T] as unknown;
    return [name, typeof member === 'function' ? (member.bind(native) as unknown) : member];
  });
  return Object.fromEntries(methods) as T;
}

function without(source: Record<string, unknown>, names: readonly string[]): object {
  const copy = Object.defineProperties({}, Object.getOwnPropertyDescriptors(source));
  for (const name of names) Reflect.deleteProperty(copy, name);
  return copy;
}
