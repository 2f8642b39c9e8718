/**
 * Caddy, and the proxies of the npm registry (peers/, installed by `make bench`): the same two routes, one worker. A peer
 * that does not start is named in the table; nothing else depends on it.
 */
import { join } from 'node:path';

export const caddy = {
  name: 'caddy',
  files: ({ port, originPort }) => ({
    Caddyfile: `
{
  admin off
  auto_https off
  log {
    output discard
  }
}
:${port} {
  bind 127.0.0.1
  handle /api/* {
    reverse_proxy 127.0.0.1:${originPort} {
      header_up X-Request-Id {http.request.uuid}
      transport http {
        compression off
        keepalive_idle_conns_per_host 1024
      }
    }
  }
  handle /hello {
    header Content-Type text/plain
    respond hello 200
  }
}
`,
  }),
  command: ({ folder }) => ['caddy', 'run', '--config', join(folder, 'Caddyfile'), '--adapter', 'caddyfile'],
  // Its certificates and its saved configuration go here, not into the home of whoever runs the bench.
  env: ({ folder }) => ({ HOME: folder, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder }),
};

export const nodePeers = ['fast-gateway', 'fastify-http-proxy', 'undici'].map((name) => ({
  name,
  files: () => ({}),
  command: ({ port, originPort }) => [
    process.execPath,
    join(import.meta.dirname, 'peers', `${name}.mjs`),
    String(port),
    String(originPort),
  ],
  env: () => ({ NODE_ENV: 'production' }),
}));
