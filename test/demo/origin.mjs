import { createServer } from 'node:http';

const users = [
  { id: 1, name: 'Ada' },
  { id: 2, name: 'Grace' },
];

/** What the demo origin answers, by path; anything else echoes the request. */
const pages = {
  '/healthz': (_request, reply) => send(reply, { status: 'ok' }),
  '/users': (_request, reply, origin) => send(reply, { users, origin }),
  '/events': (_request, reply, origin) => stream(reply, origin),
};

/** Starts a small origin on 127.0.0.1 that says in each reply which one it is. Resolves with the server. */
export function startOrigin(port) {
  const server = createServer((request, reply) => {
    const { pathname } = new URL(request.url, 'http://origin');
    const page = pages[pathname] ?? echo;
    page(request, reply, `origin-${port}`);
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject).listen(port, '127.0.0.1', () => resolve(server));
  });
}

async function echo(request, reply, origin) {
  const chunks = [];
  try {
    for await (const chunk of request) chunks.push(chunk);
  } catch {
    return; // The client went away in the middle of its body.
  }
  const { method, url, headers } = request;
  send(reply, { origin, method, url, headers, body: Buffer.concat(chunks).toString() });
}

function send(reply, value) {
  reply.writeHead(200, { 'content-type': 'application/json' }).end(`${JSON.stringify(value)}\n`);
}

/** Server-sent events, one a second. */
function stream(reply, origin) {
  reply.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
  const tick = () => reply.write(`data: ${JSON.stringify({ origin, time: new Date() })}\n\n`);
  tick();
  const timer = setInterval(tick, 1000);
  reply.once('close', () => clearInterval(timer));
}
