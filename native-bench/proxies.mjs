/**
 * Sluice, nginx and haproxy for plain proxying. Each serves the same two routes without an access log: /api/* goes to the
 * origin over kept connections, /hello is answered by the proxy itself. `files` are written to a folder of the proxy's own
 * before `command` is run there; `workers` is 1 unless the scenario says otherwise. `of`: another path of a proxy named before.
 */
import { join } from 'node:path';
import { caddy, nodePeers } from './peers.mjs';

const HELLO = 'hello';
/** Idle connections to the origin that a proxy may keep: more than any scenario has clients. */
const KEPT = 1024;
const cli = join(import.meta.dirname, '..', 'dist', 'cli.js');

/** @param more Lines of routes beside those that are used. @param policies Those of /api/*, @param upstream more of it; in YAML. */
const sluiceWith = (name, more = '', policies = '{}', upstream = '') => ({
  name,
  ours: true,
  files: ({ port, adminPort, originPort, workers }) => ({
    'sluice.yaml': `
version: 1
workers: ${workers}
listen: { http: { host: 127.0.0.1, port: ${port} } }
admin: { host: 127.0.0.1, port: ${adminPort} }
log: { access: false, level: warn }
upstreams: [{ id: origin, targets: [{ url: "http://127.0.0.1:${originPort}" }]${upstream} }]
routes:
  - { id: api, match: { paths: ["/api/*"] }, upstream: origin, policies: ${policies} }
${more}  - { id: hello, match: { paths: ["/hello"] }, respond: { status: 200, body: ${HELLO}, headers: { content-type: text/plain } } }
`,
  }),
  command: ({ folder }) => [process.execPath, cli, 'run', '-c', join(folder, 'sluice.yaml')],
});

/** Routes of every kind that a request must not meet, on other paths. */
const MANY = Array.from({ length: 9_998 }, (_, i) => {
  const path = i % 3 === 0 ? `/r${i}/:id` : i % 3 === 1 ? `/api/v${i}/*` : `/r${i}/list`;
  return `  - { id: r${i}, match: { paths: ["${path}"] }, upstream: origin }\n`;
}).join('');

/**
 * `log`: of requests; `modules`: what is loaded first; `http`: lines of that level, made when the contest is known; `use`:
 * lines where requests are forwarded.
 */
export const nginxWith = ({ log = 'off', modules = '', http = () => '', use = '', ...more } = {}) => ({
  name: 'nginx',
  ...more,
  files: ({ folder, port, originPort, keyFile, workers }) => ({
    'nginx.conf': `
${process.getuid() === 0 ? 'user root;' : ''}
${modules}
daemon off;
worker_processes ${workers};
worker_rlimit_nofile 16384;
pid ${folder}/nginx.pid;
error_log stderr error;
events { worker_connections 16384; }
http {
  access_log ${log};
  keepalive_requests 1000000000;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  ${http({ keyFile })}
  upstream origin { server 127.0.0.1:${originPort}; keepalive ${KEPT}; keepalive_requests 1000000000; }
  server {
    listen 127.0.0.1:${port} backlog=1024;
    location /api/ {
      ${use}
      proxy_pass http://origin;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $host;
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_set_header X-Forwarded-Host $host;
      proxy_set_header X-Request-Id $request_id;
    }
    location = /hello { default_type text/plain; return 200 "${HELLO}"; }
  }
}
`,
  }),
  command: ({ folder }) => ['nginx', '-p', folder, '-e', 'stderr', '-c', join(folder, 'nginx.conf')],
});
const nginx = nginxWith();

const haproxy = {
  name: 'haproxy',
  files: ({ port, originPort, workers }) => ({
    'haproxy.cfg': `
global
  nbthread ${workers}
  maxconn 12000
  no strict-limits
defaults
  mode http
  timeout client 60s
  timeout server 60s
  timeout connect 2s
  option forwardfor
  http-reuse always
frontend in
  bind 127.0.0.1:${port}
  unique-id-format %[uuid()]
  unique-id-header X-Request-Id
  http-request set-header X-Forwarded-Proto http
  http-request set-header X-Forwarded-Host %[req.hdr(host)]
  http-request return status 200 content-type text/plain string ${HELLO} if { path /hello }
  default_backend origin
backend origin
  server origin 127.0.0.1:${originPort} pool-max-conn ${KEPT}
`,
  }),
  command: ({ folder }) => ['haproxy', '-db', '-q', '-f', join(folder, 'haproxy.cfg')],
};

const sluice = sluiceWith('sluice');

/** Requests of one moment share a connection to the origin; the others have no such thing. */
export const PIPELINING = ', connections: { pipelining: 16 }';
const pipelined = { ...sluiceWith('sluice+pipelining', '', '{}', PIPELINING), against: 'sluice' };

/** Servers that are not written in JavaScript, beside Sluice. */
export const servers = [sluice, nginx, haproxy, caddy];
/** For turns so short that all have the same machine. */
export const steady = [sluice, nginx, haproxy, pipelined];
/** Everybody. */
export const everybody = [...servers, ...nodePeers];
/** Everybody, and Sluice with what its users may switch on. */
export const everything = [...everybody, pipelined];
/** Those that can be told a number of workers, with one and with two. `against`: whose cost theirs is compared with. */
export const scaled = [sluice, nginx, haproxy].flatMap((proxy) => [
  proxy,
  { ...proxy, name: `${proxy.name} x2`, workers: 2, against: proxy.name },
]);
/** One route among 10,000, beside two. */
export const crowded = [sluice, { ...sluiceWith('10,000', MANY), against: 'sluice' }, nginx];
const LIMITED =
  '  - { id: limited, match: { paths: ["/limited/*"] }, upstream: origin, policies: { limit: [{ by: ip, rate: 1000000/s }] } }\n';
/** What one limit by address costs, which is never reached: two routes of one process, since no two processes are alike. */
export const limited = [
  sluiceWith('sluice', LIMITED),
  { name: 'sluice+limit', ours: true, of: 'sluice', path: '/limited/users', against: 'sluice' },
];
export { HELLO };
