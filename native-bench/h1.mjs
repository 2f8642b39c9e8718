/**
 * CPU of the HTTP/1.1 client alone, per request, against a trivial origin in another process.
 *   node native-bench/h1.mjs [requests] [concurrency]     (needs `npm run build` for dist)
 * Prints user and system microseconds for H1Pool and for node:http with a keep-alive agent, alternating.
 */
import { fork } from 'node:child_process';
import http from 'node:http';
import net from 'node:net';
import { fileURLToPath } from 'node:url';

const BODY = JSON.stringify({ id: 42, name: 'somebody', tags: ['a', 'b', 'c'], text: 'x'.repeat(30) });
const REPLY = Buffer.from(
  [
    'HTTP/1.1 200 OK',
    'Server: origin',
    'Date: Mon, 23 Nov 2026 10:00:00 GMT',
    'Content-Type: application/json; charset=utf-8',
    `Content-Length: ${BODY.length}`,
    'Connection: keep-alive',
    'Cache-Control: private, max-age=0, must-revalidate',
    'ETag: W/"5f-0Yb1o0Yk5Xw1T9cD8yFq2k"',
    'Vary: Accept-Encoding',
    'X-Content-Type-Options: nosniff',
    'Strict-Transport-Security: max-age=31536000',
    '',
    BODY,
  ].join('\r\n'),
);

const FIELDS = [
  [
    'user-agent',
    'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0 Safari/537.36',
  ],
  ['accept', 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8'],
  ['accept-encoding', 'gzip, deflate, br'],
  ['accept-language', 'en-US,en;q=0.5'],
  ['cookie', `sid=${'a'.repeat(60)}`],
  ['authorization', `Bearer ${'x'.repeat(700)}`],
  ['cache-control', 'no-cache'],
  ['sec-fetch-mode', 'navigate'],
  ['x-forwarded-for', '127.0.0.1'],
  ['x-forwarded-proto', 'http'],
  ['x-request-id', '0123456789abcdef0123456789abcdef'],
  ['via', '1.1 sluice'],
];

function origin() {
  const server = net.createServer((socket) => {
    socket.setNoDelay(true);
    socket.on('error', () => {});
    socket.on('data', () => socket.write(REPLY));
  });
  server.listen(0, '127.0.0.1', () => process.send(server.address().port));
}

async function measure(run, requests) {
  await run(Math.min(20_000, requests));
  const before = process.cpuUsage();
  const started = performance.now();
  await run(requests);
  const { user, system } = process.cpuUsage(before);
  const rate = requests / (performance.now() - started);
  return { user: user / requests, system: system / requests, rate };
}

async function sluice(port, concurrency) {
  const { H1Pool } = await import('../dist/upstream/h1/pool.js');
  const pool = new H1Pool({ id: 'o', host: '127.0.0.1', port, tls: null, max: 256, idleMs: 60_000 });
  const timeouts = { connect: 2000, firstByte: 5000, request: 30_000, idle: 60_000 };
  const headers = FIELDS.slice(0, 8).flat();
  const added = FIELDS.slice(8)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('');
  return (requests) =>
    new Promise((done) => {
      let left = requests;
      let open = concurrency;
      class Sink {
        bytes = 0;
        onOpen() {}
        onHead(head) {
          this.bytes += head.block().length;
        }
        onData(chunk, last) {
          this.bytes += chunk.length;
          // As a gateway: the next request comes with another event, when the connection is free again.
          if (last) queueMicrotask(this.next);
        }
        onDrain() {}
        onFault(fault) {
          throw new Error(fault.code);
        }
        next = () => {
          if (left-- > 0)
            pool.open(
              {
                method: 'GET',
                target: '/api/users/42?x=1',
                host: 'api.example.com',
                headers,
                added,
                length: 0,
                explicitZero: false,
              },
              timeouts,
              0,
              this,
            );
          else if (--open === 0) done();
        };
      }
      for (let i = 0; i < concurrency; i++) new Sink().next();
    });
}

function nodeHttp(port, concurrency) {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 256 });
  const headers = Object.fromEntries(FIELDS);
  return (requests) =>
    new Promise((done) => {
      let left = requests;
      let open = concurrency;
      const next = () => {
        if (left-- <= 0) return void (--open === 0 && done());
        const request = http.request({ host: '127.0.0.1', port, path: '/api/users/42?x=1', agent, headers });
        request.on('response', (reply) => {
          reply.on('data', () => {});
          reply.on('end', next);
        });
        request.end();
      };
      for (let i = 0; i < concurrency; i++) next();
    });
}

if (process.send !== undefined) origin();
else {
  const requests = Number(process.argv[2] ?? 100_000);
  const concurrency = Number(process.argv[3] ?? 64);
  const child = fork(fileURLToPath(import.meta.url));
  const port = await new Promise((known) => child.once('message', known));
  const clients = { sluice: await sluice(port, concurrency), 'node:http': nodeHttp(port, concurrency) };
  for (let round = 0; round < 3; round++)
    for (const [name, run] of Object.entries(clients)) {
      if (process.env.ONLY && process.env.ONLY !== name) continue;
      const { user, system, rate } = await measure(run, requests);
      console.log(
        `${name.padEnd(10)} ${(user + system).toFixed(1)} us CPU (user ${user.toFixed(1)}, system ${system.toFixed(1)}), ${rate.toFixed(1)} k/s`,
      );
    }
  child.kill();
  process.exit();
}
