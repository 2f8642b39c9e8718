import { execSync } from 'node:child_process';
import { randomBytes, randomInt } from 'node:crypto';
import { once } from 'node:events';
import { Agent, request as httpRequest, type IncomingMessage } from 'node:http';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { test } from 'vitest';
import { startOrigin } from '../support/origin.ts';
import { joined, startProxy, through } from './proxying.ts';
test('echo', { timeout: 120000 }, async () => {
  const origin = await startOrigin((request, response) => {
    response.writeHead(200, { 'content-length': String(20 << 20) });
    request.pipe(response);
  });
  const gateway = await startProxy('uws', joined([through('o', origin.port)], { limits: { bodyBytes: '32MB' } }));
  const data = randomBytes(20 << 20);
  const agent = new Agent({ keepAlive: true });
  for (let round = 0; round < 60; round++) {
    const request = httpRequest({ port: gateway.port, host: '127.0.0.1', method: 'PUT', path: '/o/x', agent, headers: { 'content-length': 20 << 20 } });
    const answered = once(request, 'response') as Promise<[IncomingMessage]>;
    let sent = 0;
    const most = Math.max(2, Math.ceil(data.length / randomInt(1, 40)));
    void (async () => {
      for (let at = 0; at < data.length;) {
        const end = at + randomInt(1, most);
        if (!request.write(data.subarray(at, end))) await once(request, 'drain');
        else await nextTurn();
        at = end; sent = at;
      }
      request.end();
    })();
    const [reply] = await answered;
    let got = 0;
    let stuck = false;
    const timer = setInterval(() => {
      if (stuck) return;
      stuck = last === got;
      last = got;
      if (stuck) console.log(`round ${round} most ${most} stuck sent ${sent} got ${got}\n`, execSync(`ss -tnp | grep -E ':(${gateway.port}|${origin.port})\\b'; for w in ${gateway.workers().join(' ')}; do grep -E 'VmRSS|VmHWM' /proc/$w/status; done`, { shell: '/bin/bash' }).toString(), gateway.output.slice(-600));
    }, 4000);
    let last = -1;
    reply.on('data', (c: Buffer) => (got += c.length));
    await Promise.race([once(reply, 'end'), new Promise((r) => { const i = setInterval(() => { if (stuck) { clearInterval(i); r(0); } }, 100); i.unref(); })]);
    clearInterval(timer);
    if (stuck) throw new Error('stuck');
  }
});
