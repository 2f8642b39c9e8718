/**
 * Guards the pure functions of a request's path: `node native-bench/guard.mjs` fails when one of them costs many times more
 * than it did, counted in turns of a reference loop that runs beside it. Needs `make build`.
 * Time in units of the loop is about the same on any machine; the least of many short batches is about the same on a busy
 * one. The bounds are some three times what was measured: they find what became of another order, not a few per cent.
 */
import { closeSync } from 'node:fs';
import { joinLines } from '../dist/lib/field-lines.js';
import { RequestReader } from '../dist/pipeline/request-reader.js';
import { buildTable } from '../dist/router/build.js';
import { find } from '../dist/router/find.js';
import { SharedLimits } from '../dist/stores/limit-shared.js';
import { create } from '../dist/stores/shared-memory.js';
import { ReplyReader } from '../dist/upstream/h1/parse.js';
import { requestHead } from '../dist/upstream/h1/write.js';
import { FIELDS } from './fields.mjs';
import { REPLY } from './origin.mjs';

const CALLS = 1_000;
const ROUNDS = 150;
let kept = 0;

/** What everything is compared with: one hash of 256 characters. */
const text = 'GET /api/users HTTP/1.1 Host: api'.repeat(8).slice(0, 256);
function reference() {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i += 1) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  kept += hash & 1;
}

const fresh = (value) => Buffer.from(value, 'latin1').latin1Slice();

function parse() {
  const reader = new ReplyReader();
  const buffer = Buffer.allocUnsafeSlow(65_536);
  return () => {
    reader.expect(false);
    REPLY.copy(buffer);
    reader.feed(buffer, REPLY.length);
    kept += reader.head.block().length + reader.piece.length;
  };
}

/** A whole request head where it came, to the lines that go on. */
function read() {
  const memory = new ArrayBuffer(65_536);
  const head = FIELDS.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  Buffer.from(memory).write(`GET /api/users/42?x=1 HTTP/1.1\r\n${head}\r\n`, 'latin1');
  const reader = new RequestReader(memory);
  const taker = { takeLines: (source) => (kept += source.lines().length) };
  return () => {
    if (!reader.read(4)) throw new Error('a head was not read');
    for (let i = 0; i < reader.count; i += 1) if (reader.field(i).name !== 'host') reader.keep(i);
    reader.give(taker);
    kept += reader.path.length + reader.query.length;
  };
}

function write() {
  const lines = joinLines(FIELDS.slice(1).flat());
  const head = {
    method: 'GET',
    target: '/api/users/42?x=1',
    host: 'api.example.com',
    lines: '',
    added: 'x-forwarded-for: 127.0.0.1\r\nx-forwarded-proto: http\r\nvia: 1.1 sluice\r\n',
    length: 0,
    explicitZero: false,
  };
  return () => {
    head.lines = fresh(lines);
    kept += requestHead(head).length;
  };
}

function route() {
  const entries = Array.from({ length: 1_000 }, (_, i) => ({
    hosts: [`api${i % 20}.example.com`],
    paths: [`/api/v1/resource${i}/:id`],
    methods: ['GET'],
    headers: {},
    query: {},
    priority: 0,
    value: i,
  }));
  const table = buildTable(entries);
  const match = { params: [], allow: '' };
  let i = 0;
  return () => {
    i = (i + 7) % 1_000;
    const wanted = { method: 'GET', host: `api${i % 20}.example.com`, query: '', headers: [] };
    wanted.path = fresh(`/api/v1/resource${i}/a81bc81b`);
    if (find(table, wanted, match) === null) throw new Error('a route was not found');
    kept += 1;
  };
}

function limit() {
  const { fd, memory } = create(['/dev/shm', '/tmp'], 4 * 1024 * 1024, 2);
  closeSync(fd);
  const store = new SharedLimits({ memory, worker: 0, full: () => process.stderr.write('full\n') });
  const rule = { id: 'guard', algorithm: 'token-bucket', amount: 16_000_000, burst: 16_000_000 };
  const bucket = store.bucket({ ...rule, periodMs: 60_000, exact: true });
  let i = 0;
  return () => {
    i = (i + 1) & 1023;
    kept += bucket.take(fresh(`10.0.${i >> 8}.${i & 255}`), 1);
  };
}

/** Name, function, and how many turns of the reference loop a call may cost. */
const GUARDED = [
  ['parse', parse(), 4],
  ['read', read(), 5],
  ['write', write(), 4],
  ['route', route(), 4],
  ['limit', limit(), 2.5],
];

/** Nanoseconds of one call in one batch. */
function batch(call) {
  const start = process.hrtime.bigint();
  for (let i = 0; i < CALLS; i += 1) call();
  return Number(process.hrtime.bigint() - start) / CALLS;
}

function measure(call) {
  let [least, loop] = [Infinity, Infinity];
  for (let round = 0; round < ROUNDS; round += 1) {
    least = Math.min(least, batch(call));
    loop = Math.min(loop, batch(reference));
  }
  return { least, loop };
}

let failed = 0;
for (const [name, call, bound] of GUARDED) {
  const { least, loop } = measure(call);
  const turns = least / loop;
  if (turns > bound) failed += 1;
  const figures = `${least.toFixed(0)} ns, ${turns.toFixed(2)} turns of ${loop.toFixed(0)} ns`;
  console.log(`${name}: ${figures}; at most ${bound}: ${turns > bound ? 'TOO MUCH' : 'right'}`);
}
if (Number.isNaN(kept)) throw new Error('unreachable: keeps the results alive');
process.exitCode = failed === 0 ? 0 : 1;
