/**
 * The contestants of S2, the work that a gateway is bought for: an RS256 token is verified, requests are limited by its
 * user (never reached), counted, and logged in full to a standard output that nobody reads. nginx has no JWT of its own:
 * it limits by the token's text and logs; with its Lua module (jwt.lua) it verifies as well.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { nginxWith, PIPELINING } from './proxies.mjs';
import { AUDIENCE, ISSUER } from './tokens.mjs';

const cli = join(import.meta.dirname, '..', 'dist', 'cli.js');
const PER_SECOND = 1_000_000;

/** @param upstream More of the upstream, in YAML. */
const sluiceWith = (name, upstream = '') => ({
  name,
  ours: true,
  verifies: true,
  files: ({ port, adminPort, originPort, keyFile }) => ({
    'public.pem': readFileSync(keyFile, 'utf8'),
    'sluice.yaml': `
version: 1
workers: 1
listen: { http: { host: 127.0.0.1, port: ${port} } }
admin: { host: 127.0.0.1, port: ${adminPort} }
upstreams: [{ id: origin, targets: [{ url: "http://127.0.0.1:${originPort}" }]${upstream} }]
routes:
  - id: api
    match: { paths: ["/api/*"] }
    upstream: origin
    policies:
      jwt: { issuers: [{ issuer: "${ISSUER}", audience: ${AUDIENCE}, publicKey: { file: public.pem }, algorithms: [RS256] }] }
      limit: [{ by: user, rate: ${PER_SECOND}/s }]
`,
  }),
  command: ({ folder }) => [process.execPath, cli, 'run', '-c', join(folder, 'sluice.yaml')],
});

const haproxy = {
  name: 'haproxy',
  verifies: true,
  files: ({ port, originPort, keyFile }) => ({
    'haproxy.cfg': `
global
  nbthread 1
  maxconn 12000
  no strict-limits
  log stdout format raw local0
defaults
  mode http
  log global
  option httplog
  timeout client 60s
  timeout server 60s
  timeout connect 2s
  option forwardfor
  http-reuse always
backend users
  stick-table type string len 64 size 100k expire 60s store http_req_rate(1s)
frontend in
  bind 127.0.0.1:${port}
  unique-id-format %[uuid()]
  unique-id-header X-Request-Id
  http-request set-header X-Forwarded-Proto http
  http-request set-header X-Forwarded-Host %[req.hdr(host)]
  http-request set-var(txn.token) http_auth_bearer
  http-request set-var(txn.alg) var(txn.token),jwt_header_query('$.alg')
  http-request set-var(txn.iss) var(txn.token),jwt_payload_query('$.iss')
  http-request set-var(txn.aud) var(txn.token),jwt_payload_query('$.aud')
  http-request set-var(txn.sub) var(txn.token),jwt_payload_query('$.sub')
  http-request set-var(txn.exp) var(txn.token),jwt_payload_query('$.exp','int')
  http-request set-var(txn.now) date()
  http-request deny deny_status 401 unless { var(txn.alg) -m str RS256 }
  http-request deny deny_status 401 unless { var(txn.iss) -m str ${ISSUER} }
  http-request deny deny_status 401 unless { var(txn.aud) -m str ${AUDIENCE} }
  http-request deny deny_status 401 if { var(txn.exp),sub(txn.now) -m int lt 0 }
  http-request deny deny_status 401 unless { var(txn.token),jwt_verify(txn.alg,"${keyFile}") 1 }
  http-request track-sc0 var(txn.sub) table users
  http-request deny deny_status 429 if { sc_http_req_rate(0,users) gt ${PER_SECOND} }
  default_backend origin
backend origin
  server origin 127.0.0.1:${originPort} pool-max-conn 256
`,
  }),
  command: ({ folder }) => ['haproxy', '-db', '-q', '-f', join(folder, 'haproxy.cfg')],
};

const log = '/dev/stdout combined buffer=64k flush=1s';
const zone = (key) => `limit_req_zone ${key} zone=users:20m rate=${PER_SECOND}r/s;`;
const limit = `limit_req zone=users burst=${PER_SECOND} nodelay;`;

const nginx = nginxWith({ log, http: () => zone('$http_authorization'), use: limit });

/** Where Debian's nginx modules are. */
const MODULES = '/usr/lib/nginx/modules';
const USER = `require("jwt").user(ngx.var.http_authorization, key, "${ISSUER}", "${AUDIENCE}")`;

const nginxLua = nginxWith({
  name: 'nginx+lua',
  verifies: true,
  log,
  modules: ['ndk_http', 'ngx_http_lua'].map((name) => `load_module ${MODULES}/${name}_module.so;`).join('\n'),
  http: ({ keyFile }) => `
  lua_package_path "${import.meta.dirname}/?.lua;;";
  init_by_lua_block { local file = assert(io.open("${keyFile}")); key = file:read("*a"); file:close(); require "jwt" }
  ${zone('$user')}`,
  use: `
      set $user "";
      rewrite_by_lua_block {
        local user = ${USER}
        if not user then return ngx.exit(401) end
        ngx.var.user = user
      }
      ${limit}`,
});

export const gateways = [
  sluiceWith('sluice'),
  nginx,
  nginxLua,
  haproxy,
  { ...sluiceWith('sluice+pipelining', PIPELINING), against: 'sluice' },
];
