// Cost of finding a route, and of what comes before it. Build first: npm run build.
//   node native-bench/router.mjs
// Every lookup is given strings made for it alone, as an edge would: a string that was looked up before
// knows its hash, which would hide a part of the cost.
import { Bench } from 'tinybench';
import { parseHost } from '../dist/lib/host.js';
import { normalisePath, validQuery } from '../dist/lib/path.js';
import { buildTable } from '../dist/router/build.js';
import { allowed, find } from '../dist/router/find.js';

const BATCH = 1_000;
const SIZES = [10, 100, 1_000, 10_000];
const match = { params: [], allow: '' };
let kept = 0;

const fresh = (text) => Buffer.from(text, 'latin1').latin1Slice();
const wanted = (host, path) => ({
  method: 'GET',
  host: fresh(host),
  path: fresh(path),
  query: '',
  headers: [],
});

/** A gateway's usual mix: a host for every fifty routes, and in it a third each of literals, parameters, wildcards. */
function entriesOf(size) {
  return Array.from({ length: size }, (_, i) => {
    const kind = ['', '/:id', '/*'][i % 3];
    return {
      hosts: [`api${Math.floor(i / 50)}.example.com`],
      paths: [`/api/v1/resource${i}${kind}`],
      methods: ['GET', 'POST'],
      headers: {},
      query: {},
      priority: 0,
      value: i,
    };
  });
}

/** Requests of one kind, spread over all routes of the table. */
const REQUESTS = {
  literal: (i) => [i, (r) => `/api/v1/resource${r}`],
  param: (i) => [i + 1, (r) => `/api/v1/resource${r}/a81bc81b`],
  wildcard: (i) => [i + 2, (r) => `/api/v1/resource${r}/files/report.pdf`],
  'param, 30 hot': (i) => [(i % 30) + 1, (r) => `/api/v1/resource${r}/a81bc81b`],
  'miss (path)': (i) => [i, (r) => `/api/v1/resourc${r}/nothing/here`],
  'miss (host)': (i) => [i, (r) => `/api/v1/resource${r}`, 'elsewhere.example.com'],
};

/** Nanoseconds of one call, by the least disturbed batch. `make(i)` prepares the argument of the i-th call, unmeasured. */
async function measure(make, call) {
  const bench = new Bench({ time: 300, warmupTime: 200 });
  const batch = new Array(BATCH);
  const refill = () => {
    for (let i = 0; i < BATCH; i++) batch[i] = make(Math.floor(Math.random() * 1e9));
  };
  bench.add(
    'x',
    () => {
      for (let i = 0; i < BATCH; i++) if (call(batch[i]) !== null) kept++;
    },
    { beforeEach: refill },
  );
  await bench.run();
  return Math.round((bench.tasks[0].result.latency.min * 1e6) / BATCH);
}

const rows = [];
for (const size of SIZES) {
  const entries = entriesOf(size);
  const start = performance.now();
  const table = buildTable(entries);
  const row = { routes: size, 'build ms': Number((performance.now() - start).toFixed(2)) };
  for (const [name, request] of Object.entries(REQUESTS)) {
    const last = Math.max(1, Math.floor(size / 3));
    row[`${name} ns`] = await measure(
      (random) => {
        const [route, path, host] = request((random % last) * 3);
        return wanted(host ?? `api${Math.floor(route / 50)}.example.com`, path(route));
      },
      (request) => find(table, request, match),
    );
  }
  rows.push(row);
}
console.log('find (fresh strings):');
console.table(rows);

const hostile = buildTable([...entriesOf(1_000), ...entriesOf(50).map((entry) => ({ ...entry, hosts: [] }))]);
const suffixed = buildTable(entriesOf(1_000).map((entry) => ({ ...entry, hosts: ['*.example.com'] })));
const open = (path) => () => wanted('h', path);
console.log('other:');
console.table(
  [
    [
      'find, wildcard host',
      await measure(
        (r) => wanted('a.b.example.com', `/api/v1/resource${(r % 300) * 3}`),
        (w) => find(suffixed, w, match),
      ),
    ],
    ['find, 16 KB of /a', await measure(open('/a'.repeat(8_192)), (w) => find(hostile, w, match))],
    ['find, 16 KB of /', await measure(open('/'.repeat(16_384)), (w) => find(hostile, w, match))],
    [
      'find, one 16 KB segment',
      await measure(open(`/${'a'.repeat(16_384)}`), (w) => find(hostile, w, match)),
    ],
    ['allowed, 404', await measure(open('/api/v1/nothing'), (w) => allowed(hostile, w))],
    ['allowed, 405', await measure(open('/api/v1/resource0'), (w) => allowed(hostile, w))],
    [
      'normalisePath, 30 plain characters',
      await measure(() => fresh('/api/v1/resource1234/a81bc81bx'), normalisePath),
    ],
    [
      'normalisePath, 30 with an escape',
      await measure(() => fresh('/api/v1/resource1234/a81b%41xx'), normalisePath),
    ],
    [
      'normalisePath, 30 with a dot segment',
      await measure(() => fresh('/api/v1/../resource123/a81bc8x'), normalisePath),
    ],
    ['normalisePath, 16 KB of /..', await measure(() => fresh('/..'.repeat(5_461)), normalisePath)],
    ['validQuery, 30 characters', await measure(() => fresh('page=1&size=20&sort=name&order'), validQuery)],
    ['parseHost, lower case', await measure(() => fresh('api12.example.com'), parseHost)],
    ['parseHost, lower case and port', await measure(() => fresh('api12.example.com:8080'), parseHost)],
    ['parseHost, mixed case', await measure(() => fresh('API12.Example.com'), parseHost)],
  ].map(([what, ns]) => ({ what, ns })),
);
if (kept < 0) throw new Error('unreachable: keeps the results alive');
