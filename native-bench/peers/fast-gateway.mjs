/** fast-gateway as its manual shows it: `node fast-gateway.mjs PORT ORIGIN_PORT`. */
import gateway from 'fast-gateway';
import { forwarded, KEEP_ALIVE_MS, withoutConnection } from './fields.mjs';

const [port, originPort] = process.argv.slice(2).map(Number);
const app = gateway({
  enableServicesEndpoint: false,
  routes: [
    {
      prefix: '/api',
      prefixRewrite: '/api',
      target: `http://127.0.0.1:${originPort}`,
      // With 256 it answered nothing any more after some loads: it seems to lose those whose client leaves too early.
      proxyConfig: { maxSockets: 8192, maxFreeSockets: 256 },
      hooks: {
        rewriteRequestHeaders: (request, headers) => forwarded(headers, request),
        rewriteHeaders: withoutConnection,
      },
    },
  ],
});
app.get('/hello', (_request, response) => response.send('hello'));
const server = await app.start(port, '127.0.0.1');
server.keepAliveTimeout = KEEP_ALIVE_MS;
