/**
 * The gateway's own code on one proxied request, without sockets and without the addon's native calls: the uWS edge, the
 * whole pipeline, the upstream client's writer and reader, over stand-ins for the two ends. Needs `make build`.
 *   node native-bench/walk.mjs [ROUNDS]     ns per request: minimum and median of ROUNDS (default 15) batches
 */
import { UwsEdge } from '../dist/edge/uws.js';
import { compile } from '../dist/runtime/compile.js';
import { inertServices } from '../dist/lib/inert.js';
import { Recorder } from '../dist/runtime/observer.js';
import { Meter } from '../dist/observe/metrics.js';
import { envelope } from '../dist/contracts/config.js';
import { requestHead } from '../dist/upstream/h1/write.js';
import { ReplyReader } from '../dist/upstream/h1/parse.js';
import { Endpoint } from '../dist/upstream/endpoint.js';
import { Load } from '../dist/upstream/load.js';
import { targetSpecs } from '../dist/upstream/spec.js';
import { Upstream } from '../dist/upstream/upstream.js';
import { BODY, REPLY } from './origin.mjs';

const BATCH = 20_000;
const rounds = Number(process.argv[2] ?? 15);

const config = envelope.parse({
  version: 1,
  upstreams: [{ id: 'origin', targets: [{ url: 'http://127.0.0.1:1' }] }],
  routes: [{ id: 'api', match: { paths: ['/api/*'] }, upstream: 'origin' }],
});

let bytesOut = 0;
const buffer = Buffer.allocUnsafeSlow(65_536);
const reader = new ReplyReader();
const stream = { write: () => true, pause() {}, resume() {}, abort() {} };

/** A transport whose upstream answers at once. */
const transport = {
  open(head, _timeouts, _replyBy, sink) {
    bytesOut += requestHead(head).length;
    sink.onOpen(stream, true);
    reader.expect(false);
    REPLY.copy(buffer);
    reader.feed(buffer, REPLY.length);
    sink.onHead(reader.head);
    sink.onData(reader.piece, true);
  },
  cancel() {},
  close() {},
};
const spec = {
  id: 'origin',
  host: 'client',
  balance: 'round-robin',
  targets: targetSpecs(config.upstreams[0]),
  probed: false,
  panic: 0,
  slowStart: 0,
  zone: null,
  sticky: null,
  passive: null,
};
const unknown = {
  healthy: () => undefined,
  ejected: () => false,
  weight: () => undefined,
  addresses: () => undefined,
};
const endpoints = { take: (target) => new Endpoint(target, target.id, transport, new Load()), free() {} };
const upstreams = {
  claim: () => ({
    upstreams: new Map([['origin', new Upstream(spec, unknown, endpoints)]]),
    release() {},
  }),
};
const observer = new Recorder(new Meter(), () => {});
const runtime = compile({ generation: 1, config }, { upstreams, observer, services: inertServices });

/** The addon's objects, as far as one request needs them. */
let handler;
const app = { filter: () => app, any: () => app, get: (_path, handle) => ((handler = handle), app) };
const address = Uint8Array.from([127, 0, 0, 1]).buffer;
let sent = 0;
const res = {
  onAborted: () => res,
  cork: (write) => write(),
  writeStatus: () => res,
  writeHeader: (name, value) => ((sent += name.length + value.length), res),
  end: (body) => ((sent += body.length), res),
  getRemoteAddress: () => address,
};
const door = { guardsConnections: false, guardsRequests: false };
const options = {
  door,
  tls: null,
  timeouts: { header: 0, idle: 0 },
  runtime: () => runtime,
  maxConnections: 1e9,
};
new UwsEdge({ App: () => app }, options, true);

const fresh = (text) => Buffer.from(text).toString('latin1');
const fields = (await import('./fields.mjs')).FIELDS;
const requests = Array.from({ length: 256 }, (_, i) => ({
  list: fields.map(([name, value]) => [fresh(name), fresh(value + (name === 'x-n' ? i : ''))]),
  forEach(each) {
    for (let k = 0; k < this.list.length; k++) each(this.list[k][0], this.list[k][1]);
  },
  method: fresh('GET'),
  path: fresh('/api/users/' + i),
  getCaseSensitiveMethod() {
    return this.method;
  },
  getUrl() {
    return this.path;
  },
  getQuery: () => '',
}));

function batch() {
  const start = process.hrtime.bigint();
  for (let i = 0; i < BATCH; i++) handler(res, requests[i & 255]);
  return Number(process.hrtime.bigint() - start) / BATCH;
}
for (let i = 0; i < 10; i++) batch();
const times = Array.from({ length: rounds }, batch).sort((a, b) => a - b);
console.log(
  `walk: min ${times[0].toFixed(0)} ns, median ${times[rounds >> 1].toFixed(0)} ns a request (${sent > 0 && bytesOut > 0 ? 'answers right' : 'NO ANSWERS'}), body ${BODY.length}`,
);
