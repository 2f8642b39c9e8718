/**
 * Cost of what every request pays for being observed. Run against dist:
 *   node native-bench/observe.mjs | cat > /dev/null      (figures go to standard error)
 */
import { newTraceId, parseTraceparent, isRequestId } from '../dist/lib/ids.js';
import { AccessLog } from '../dist/observe/access-log.js';
import { Meter } from '../dist/observe/metrics.js';
import { Output } from '../dist/observe/output.js';
import { RouteRecorder, TargetRecorder } from '../dist/observe/standard.js';

const exchange = {
  id: '0af7651916cd43dd8448eb211c80319c',
  traceId: '0af7651916cd43dd8448eb211c80319c',
  ip: '203.0.113.42',
  method: 'GET',
  host: 'api.example.com',
  requestPath: '/api/users/81723/orders',
  requestQuery: '',
  protocol: 'HTTP/1.1',
  bytesIn: 0,
  bytesOut: 4312,
  route: { id: 'users', upstreamId: 'users' },
  target: '127.0.0.1:9001',
  attempts: 1,
  upstreamMs: 1.731,
  consumer: 'alice',
  limit: '',
  cache: '',
  fault: null,
};

/** Best of five rounds, in nanoseconds of wall and of CPU time (all threads) a call. */
async function measure(name, rounds, call, settle = () => {}) {
  let best = [Infinity, Infinity];
  for (let round = 0; round < 6; round++) {
    const cpu = process.cpuUsage();
    const start = performance.now();
    for (let i = 0; i < rounds; i++) call(i);
    await settle();
    const wall = ((performance.now() - start) * 1e6) / rounds;
    const used = process.cpuUsage(cpu);
    const own = ((used.user + used.system) * 1e3) / rounds;
    if (round > 0 && wall < best[0]) best = [wall, own];
  }
  process.stderr.write(
    `${name.padEnd(44)} ${best[0].toFixed(0).padStart(6)} ns wall ${best[1].toFixed(0).padStart(6)} ns cpu\n`,
  );
}

const meter = new Meter();
const route = new RouteRecorder(meter, 'users');
const target = new TargetRecorder(meter, 'users', '127.0.0.1:9001');
const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
await measure('newTraceId', 1e6, newTraceId);
await measure('isRequestId', 1e6, () => isRequestId(exchange.id));
await measure('parseTraceparent', 1e6, () => parseTraceparent(traceparent));
await measure('RouteRecorder.record', 1e6, (i) => route.record('GET', i % 50 === 0 ? 404 : 200, 2.2, 0.05));
await measure('TargetRecorder.record', 1e6, () => target.record(1, 200, null, 1.7));
await measure('Meter.deltas (4 series)', 1e5, () => {
  route.record('GET', 200, 2.2, 0.05);
  meter.deltas();
});

const wide = new Meter();
for (let i = 0; i < 1000; i++) new RouteRecorder(wide, `route-${i}`).record('GET', 200, 1, 1);
await measure('Meter.deltas (3000 series, none changed)', 200, () => wide.deltas());

const options = { level: 'info', access: true, query: false, redact: ['token'] };
let bytes = 0;
const counting = { write: (line) => void (bytes += line.length) };
const built = new AccessLog({ ...options, destination: counting });
await measure('AccessLog line, built', 5e5, (i) => {
  exchange.bytesOut = i;
  built.write(exchange, 200, 2.204 + (i % 100), 7);
});
const asked = new AccessLog({ ...options, query: true, destination: counting });
const queried = { ...exchange, requestQuery: 'page=3&token=abcdef&sort=-name' };
await measure('AccessLog line, built, with redacted query', 5e5, (i) => {
  queried.bytesOut = i;
  asked.write(queried, 200, 2.204, 7);
});

const output = new Output(1);
const written = new AccessLog({ ...options, destination: output });
const BURST = 2000;
const burst = () => {
  for (let i = 0; i < BURST; i++) {
    exchange.bytesOut = i;
    written.write(exchange, 200, 2.204 + (i % 100), 7);
  }
};
for (let round = 0; round < 5; round++) {
  const cpu = process.cpuUsage();
  const start = performance.now();
  const BURSTS = 50;
  for (let i = 0; i < BURSTS; i++) {
    burst();
    await output.drained(1000);
  }
  const wall = (performance.now() - start) * 1e6;
  const used = process.cpuUsage(cpu);
  const lines = BURST * BURSTS;
  process.stderr.write(
    `AccessLog line, built and written: ${(wall / lines).toFixed(0)} ns wall, ` +
      `${(((used.user + used.system) * 1e3) / lines).toFixed(0)} ns cpu, dropped ${output.dropped}\n`,
  );
}
