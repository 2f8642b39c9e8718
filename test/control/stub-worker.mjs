// A worker with the real role and channel, and a tiny HTTP server in place of the gateway. What it does with a
// configuration stands in that configuration: see `wish`.
import { existsSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { openChannel } from '../../dist/ipc/channel.js';
import { fromEnv } from '../../dist/ipc/environment.js';
import { WorkerRole } from '../../dist/ipc/worker-role.js';

const { slot } = fromEnv(process.env);
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => {});

/** Wishes are ids of upstreams: `word` for every worker, `word_slot` for one, `word_slot_argument`. */
function wish(config, word) {
  for (const { id } of config.upstreams) {
    const [name, whom, ...rest] = id.split('_');
    if (name === word && (whom === undefined || Number(whom) === slot)) return { argument: rest.join('_') };
  }
  return null;
}

function compile({ generation, config }) {
  const hang = wish(config, 'hang');
  if (hang !== null) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, Number(hang.argument));
  const die = wish(config, 'die');
  if (die !== null && (die.argument === '' || !existsSync(die.argument))) {
    if (die.argument !== '') writeFileSync(die.argument, '');
    process.kill(process.pid, 'SIGKILL');
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10_000);
  }
  if (wish(config, 'refuse') !== null) throw new Error('no such thing');
  return { generation, config, retire: () => {} };
}

let current = null;
let held = [];
let listener = null;

function open(config) {
  const { host, port } = config.listen.http;
  const server = createServer((request, response) => {
    response.setHeader('connection', 'close');
    if (request.url === '/hold') return void held.push(response);
    response.end(`${slot} ${process.pid} ${current.generation}`);
  });
  return {
    kind: 'node',
    listen: () =>
      new Promise((resolve, reject) => {
        server.once('error', reject);
        if (wish(config, 'deaf') !== null) reject(new Error(`cannot listen on ${host}`));
        else server.listen({ host, port }, resolve);
      }),
    stopListening: () => server.close(),
    drained: (done) => {
      // What was held is answered after the listener is closed: that is in-flight work during a drain.
      if (wish(current.config, 'stuck') !== null && held.length > 0) return;
      for (const response of held) response.end('finished');
      held = [];
      server.once('close', done);
    },
    close: () => server.closeAllConnections(),
  };
}

function serve(runtime) {
  current = runtime;
  listener ??= open(runtime.config);
  return listener;
}

const channel = openChannel(process, { warn: (line) => process.stderr.write(`${line}\n`) });
const work = { compile, serve, deltas: () => [] };
const exit = (code) => channel.flush(() => process.exit(code));
new WorkerRole(channel, work, { exit, warn: (line) => process.stderr.write(`${line}\n`) });
