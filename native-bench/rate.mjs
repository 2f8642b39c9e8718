/**
 * Load at a constant rate, whatever the answers do: `node rate.mjs ORIGIN PATH RATE SECONDS BODYFILE [CONNECTIONS]` prints
 * one line of JSON. Each millisecond sends what is due, each request on a free connection; when none is free it waits, and
 * its waiting counts, so a proxy that stalls is not spared the requests that it kept from being sent. The first second
 * warms up. Every answer must be 200 with the body of BODYFILE.
 */
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { FIELDS } from './fields.mjs';
import { percentile } from './report.mjs';

const WARM_UP_MS = 1000;
const TICK_MS = 1;
/** How long answers that are missing at the end may take. */
const PATIENCE_MS = 5000;

class Load {
  free = [];
  /** When each request that waits for a connection was due. */
  waiting = [];
  latencies = [];
  sent = 0;
  answered = 0;
  wrong = 0;

  constructor(request, body) {
    this.request = request;
    this.body = body;
  }

  async open(port, host, connections) {
    for (let i = 0; i < connections; i += 1) {
      const socket = connect(port, host).setNoDelay(true);
      await once(socket, 'connect');
      const line = { socket, since: 0, seen: '' };
      socket.on('data', (chunk) => this.receive(line, chunk));
      socket.on('error', () => (this.wrong += 1)).on('close', () => (this.wrong += 1));
      this.free.push(line);
    }
  }

  send(due) {
    this.sent += 1;
    const line = this.free.pop();
    if (line === undefined) this.waiting.push(due);
    else this.start(line, due);
  }

  start(line, due) {
    line.since = due;
    line.socket.write(this.request);
  }

  receive(line, chunk) {
    line.seen += chunk.latin1Slice();
    const end = line.seen.indexOf('\r\n\r\n');
    if (end < 0 || line.seen.length < end + 4 + this.body.length) return;
    const right = line.seen.startsWith('HTTP/1.1 200') && line.seen.slice(end + 4) === this.body;
    if (!right) this.wrong += 1;
    line.seen = '';
    this.answered += 1;
    this.latencies.push(performance.now() - line.since);
    const next = this.waiting.shift();
    if (next === undefined) this.free.push(line);
    else this.start(line, next);
  }

  /** Sends at the rate for that long; resolves when everything is answered, or patience ends. */
  async keep(rate, milliseconds) {
    const start = performance.now();
    const goal = this.sent + Math.floor((rate * milliseconds) / 1000);
    const first = this.sent;
    await new Promise((done) => {
      const timer = setInterval(() => {
        const now = performance.now();
        const due = Math.min(goal, first + Math.floor(((now - start) * rate) / 1000));
        while (this.sent < due) this.send(now);
        if (this.sent < goal) return;
        const over = now - start > milliseconds + PATIENCE_MS;
        if (this.answered < this.sent && !over) return;
        clearInterval(timer);
        done();
      }, TICK_MS);
    });
    return performance.now() - start;
  }
}

async function main([origin, path, rate, seconds, bodyFile, connections = 64]) {
  const fields = FIELDS.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  const body = readFileSync(bodyFile, 'latin1');
  const load = new Load(Buffer.from(`GET ${path} HTTP/1.1\r\n${fields}\r\n`), body);
  const { hostname, port } = new URL(origin);
  await load.open(Number(port), hostname, Number(connections));
  await load.keep(Number(rate), WARM_UP_MS);
  load.latencies.length = 0;
  // The parent takes the processor time from here on.
  process.stdout.write('{"warm":true}\n');
  const before = load.answered;
  const busy = process.cpuUsage();
  const took = await load.keep(Number(rate), Number(seconds) * 1000);
  const requests = load.answered - before;
  const { user, system } = process.cpuUsage(busy);
  const [p50, p99, p999] = [50, 99, 99.9].map((p) => percentile(load.latencies, p));
  const missing = load.sent - load.answered;
  const generator = (user + system) / (took * 1000);
  const report = { requests, seconds: took / 1000, p50, p99, p999, generator, wrong: load.wrong, missing };
  process.stdout.write(`${JSON.stringify(report)}\n`, () => process.exit());
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main(process.argv.slice(2));
