// A process that logs to standard output through dist: node writer.mjs NAME LINES BURST [end|drain|stay]
import { AccessLog } from '../../dist/observe/access-log.js';
import { makeLogger } from '../../dist/observe/logger.js';
import { Output } from '../../dist/observe/output.js';

const [name, lines, burst, how] = process.argv.slice(2);
const output = new Output(1);
process.on('exit', () => output.end());
const log = new AccessLog({ level: 'info', access: true, query: false, redact: [], destination: output });
const events = makeLogger({ level: 'info', name: 'worker', destination: output });
const x = {
  id: name,
  traceId: '0af7651916cd43dd8448eb211c80319c',
  ip: '203.0.113.42',
  method: 'GET',
  host: 'api.example.com',
  requestPath: '',
  requestQuery: '',
  protocol: 'HTTP/1.1',
  bytesIn: 0,
  bytesOut: 0,
  route: { id: 'users', upstreamId: 'users' },
  target: '127.0.0.1:9001',
  attempts: 1,
  upstreamMs: 1,
  consumer: '',
  limit: '',
  cache: '',
  fault: null,
};

let written = 0;
let longestMs = 0;
const next = () => {
  const start = performance.now();
  for (let i = 0; i < Number(burst) && written < Number(lines); i++, written++) {
    x.bytesOut = written;
    x.requestPath = `/${'p'.repeat((written * 37) % 900)}`;
    log.write(x, 200, 1, 1);
    if (written % 50 === 0) events.info({ step: written }, `event of ${name}`);
  }
  longestMs = Math.max(longestMs, performance.now() - start);
  if (written < Number(lines)) setImmediate(next);
  else void finish();
};

async function finish() {
  if (how === 'drain') await output.drained(20_000);
  const report = () => process.stderr.write(JSON.stringify({ dropped: output.dropped, longestMs }));
  if (how === 'stay') {
    // Goes on for a while beyond the loss of its reader.
    await output.drained(500);
    log.write(x, 200, 1, 1);
    await output.drained(500);
  }
  report();
  process.exit(0);
}

next();
