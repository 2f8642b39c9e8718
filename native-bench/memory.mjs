/** What proxies hold: idle, with many idle connections, and after a long time under load. */
import { connect } from 'node:net';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { FIELDS } from './fields.mjs';
import { bytesPerAnswer, wrk } from './load.mjs';
import { residentMiB } from './processes.mjs';
import { growth } from './report.mjs';

export const CONNECTIONS = 10_000;
/** How many connections are being opened at a time: less than anybody's backlog. */
const AT_ONCE = 200;
/** Time to settle, so that what is freed soon after does not count as held. */
const SETTLE_MS = 2000;
const SAMPLE_MS = 2000;

const FIELD_LINES = FIELDS.map(([name, value]) => `${name}: ${value}\r\n`).join('');

/** Memory of one proxy, fresh and with connections that have each had one answer and wait for the next request. */
export async function idle(contestant, { path, body }) {
  await sleep(SETTLE_MS);
  const before = residentMiB(contestant.pid);
  const port = Number(new URL(contestant.origin).port);
  const request = `GET ${path} HTTP/1.1\r\n${FIELD_LINES}\r\n`;
  const sockets = [];
  try {
    while (sockets.length < CONNECTIONS) {
      const opened = Array.from({ length: AT_ONCE }, () => answered(port, request, body));
      sockets.push(...(await Promise.all(opened)));
    }
    await sleep(SETTLE_MS);
    const after = residentMiB(contestant.pid);
    return {
      ...before,
      loaded: after.worker,
      perConnection: ((after.worker - before.worker) * 1024) / CONNECTIONS,
      open: sockets.filter((socket) => !socket.destroyed && socket.readable).length,
    };
  } finally {
    for (const socket of sockets) socket.destroy();
  }
}

/** A connection on which one request was rightly answered. */
async function answered(port, request, body) {
  const socket = connect(port, '127.0.0.1').setTimeout(20_000, () => socket.destroy(new Error('no answer')));
  await once(socket, 'connect');
  socket.write(request);
  let seen = '';
  while (!seen.endsWith(body)) seen += (await once(socket, 'data'))[0].latin1Slice();
  if (!seen.startsWith('HTTP/1.1 200')) throw new Error(`answered ${seen.slice(0, 30)}`);
  socket.setTimeout(0);
  socket.on('error', () => {});
  return socket.resume();
}

/** Memory of a worker while it is under load for minutes: samples, and their growth after the first third. */
export async function soak(contestant, load, minutes) {
  const samples = [];
  const start = performance.now();
  const sample = () => {
    const { worker } = residentMiB(contestant.pid);
    samples.push({ seconds: (performance.now() - start) / 1000, value: worker });
  };
  const timer = setInterval(sample, SAMPLE_MS);
  let report;
  try {
    report = await wrk({ ...load, seconds: minutes * 60 });
  } finally {
    clearInterval(timer);
  }
  bytesPerAnswer(report);
  return {
    samples,
    row: {
      minutes,
      first: samples[0].value,
      last: samples.at(-1).value,
      growth: growth(samples),
      perSecond: report.requests / report.seconds,
    },
  };
}
