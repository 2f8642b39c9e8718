/** The proxy that one writes by hand: node:http in front, an undici pool behind. `node undici.mjs PORT ORIGIN_PORT`. */
import { createServer } from 'node:http';
import { Pool } from 'undici';
import { forwarded, KEEP_ALIVE_MS } from './fields.mjs';

const [port, originPort] = process.argv.slice(2).map(Number);
const pool = new Pool(`http://127.0.0.1:${originPort}`, { connections: 256, pipelining: 1 });
const HOP_BY_HOP = ['connection', 'keep-alive', 'transfer-encoding'];

/** Hands the origin's reply on, and waits where the client is slow. */
class Relay {
  constructor(response) {
    this.response = response;
  }
  onRequestStart(controller) {
    this.response.on('drain', () => controller.resume());
  }
  onResponseStart(_controller, status, headers) {
    for (const name of HOP_BY_HOP) delete headers[name];
    this.response.writeHead(status, headers);
  }
  onResponseData(controller, chunk) {
    if (!this.response.write(chunk)) controller.pause();
  }
  onResponseEnd() {
    this.response.end();
  }
  onResponseError() {
    if (this.response.headersSent) this.response.destroy();
    else this.response.writeHead(502).end();
  }
}

const server = createServer((request, response) => {
  if (request.url === '/hello') return response.setHeader('content-type', 'text/plain').end('hello');
  const { method, url: path } = request;
  const body = method === 'GET' || method === 'HEAD' ? null : request;
  pool.dispatch(
    { method, path, headers: forwarded({ ...request.headers }, request), body },
    new Relay(response),
  );
});
server.keepAliveTimeout = KEEP_ALIVE_MS;
server.listen(port, '127.0.0.1', 1024);
