/**
 * A fast origin: `node origin.mjs PORT`. Parses no more than it must (it is behind a proxy under test, never behind
 * the world), so that it does not become what is measured. Any path answers 86 bytes of JSON; /api/64k answers 64 KB;
 * /api/echo answers the head of the request as it came. A reply comes when the whole request is there; requests of one
 * connection that came together are answered in one write, but those of /api/apart in a write each.
 */
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';

export const BODY = JSON.stringify({
  id: 4711,
  name: 'Ada K Lovelace',
  mail: 'ada@example.com',
  groups: ['gold', 'staff'],
});

export const REPLY = reply('application/json', BODY);
export const LARGE_BODY = 'x'.repeat(64 * 1024);
const large = reply('application/octet-stream', LARGE_BODY);

/** Ten header fields, as an application server would send them. */
function reply(type, body) {
  const lines = [
    'HTTP/1.1 200 OK',
    'Server: origin',
    'Date: Mon, 23 Nov 2026 10:00:00 GMT',
    `Content-Type: ${type}`,
    `Content-Length: ${body.length}`,
    'Connection: keep-alive',
    'Cache-Control: private, max-age=0, must-revalidate',
    'ETag: "5f2c1a9e-56"',
    'Vary: Accept-Encoding, Origin',
    'X-Content-Type-Options: nosniff',
    'X-Origin-Time: 0.000214',
  ];
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n${body}`);
}

function serve(socket) {
  let pending = '';
  let bodyLeft = 0;
  let waiting = null;
  const ready = [];
  const answer = () => {
    if (bodyLeft > 0 || waiting === null) return;
    ready.push(waiting);
    waiting = null;
  };
  const send = () => {
    if (ready.length > 0) socket.write(ready.length === 1 ? ready[0] : Buffer.concat(ready));
    ready.length = 0;
  };
  socket.setNoDelay(true).on('error', () => socket.destroy());
  socket.on('data', (chunk) => {
    const ofBody = Math.min(bodyLeft, chunk.length);
    bodyLeft -= ofBody;
    answer();
    if (ofBody === chunk.length) return send();
    pending += chunk.latin1Slice(ofBody);
    for (let end = pending.indexOf('\r\n\r\n'); end >= 0; end = pending.indexOf('\r\n\r\n')) {
      const head = pending.slice(0, end);
      const length = Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0);
      bodyLeft = Math.max(0, end + 4 + length - pending.length);
      pending = pending.slice(end + 4 + length);
      waiting = replyTo(head);
      answer();
      if (head.startsWith('GET /api/apart')) send();
    }
    send();
  });
}

function replyTo(head) {
  if (head.startsWith('GET /api/64k')) return large;
  return head.startsWith('GET /api/echo') ? reply('text/plain', head) : REPLY;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  createServer(serve).listen(Number(process.argv[2]), '127.0.0.1', 1024);
}
