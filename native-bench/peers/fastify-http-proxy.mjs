/** @fastify/http-proxy without logging: `node fastify-http-proxy.mjs PORT ORIGIN_PORT`. */
import proxy from '@fastify/http-proxy';
import fastify from 'fastify';
import { forwarded, KEEP_ALIVE_MS, withoutConnection } from './fields.mjs';

const [port, originPort] = process.argv.slice(2).map(Number);
const app = fastify({ logger: false, keepAliveTimeout: KEEP_ALIVE_MS, bodyLimit: 10 * 1024 * 1024 });
app.register(proxy, {
  upstream: `http://127.0.0.1:${originPort}`,
  prefix: '/api',
  rewritePrefix: '/api',
  disableRequestLogging: true,
  undici: { connections: 256, pipelining: 1 },
  replyOptions: {
    rewriteRequestHeaders: (request, headers) => forwarded(headers, request.raw),
    rewriteHeaders: withoutConnection,
  },
});
app.get('/hello', (_request, reply) => reply.type('text/plain').send('hello'));
await app.listen({ port, host: '127.0.0.1', backlog: 1024 });
