import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { loadFile, loadText, type LoadOptions } from '../../src/config/load.ts';
import { formatMistake } from '../../src/config/mistakes.ts';

/** Mistakes as `LINE:COL path: message`, in the order they are told. */
function mistakesOf(text: string, options: LoadOptions = {}): string[] {
  const loaded = loadText(text, 'a.yaml', { env: {}, ...options });
  if (loaded.ok) return [];
  return loaded.mistakes.map((each) => formatMistake(each).replace(/^a\.yaml:/, ''));
}

/** A valid configuration, so that a case shows only its own lines. */
const UPSTREAMS = `version: 1
upstreams: [{ id: users, targets: [{ url: "http://127.0.0.1:9001" }] }]
`;
/** With one route, whose `match` is up to the case. */
const inMatch = (line: string) => `${UPSTREAMS}routes:
  - id: a
    upstream: users
    match:
      ${line}
`;
/** With one route to which the case adds a key at line 7. */
const inRoute = (line: string) => `${UPSTREAMS}routes:
  - id: a
    match: { paths: [/a] }
    upstream: users
    ${line}
`;
const inUpstream = (line: string) => `version: 1
upstreams:
  - id: users
    ${line}
`;

/** Each case: text, then for each expected mistake `LINE:COL path` and words of its message. */
type Case = readonly [
  what: string,
  text: string,
  ...expected: (readonly [where: string, ...words: string[]])[],
];

function run(cases: readonly Case[]): void {
  test.each(cases)('%s', (_, text, ...expected) => {
    const mistakes = mistakesOf(text);
    expect(mistakes.map((each) => each.slice(0, each.indexOf(': ')))).toEqual(
      expected.map(([where]) => where),
    );
    expected.forEach(([, ...words], i) => words.forEach((word) => expect(mistakes[i]).toContain(word)));
  });
}

describe('text that is no configuration', () => {
  run([
    ['empty', '', ['1:1 .', 'empty', 'version: 1']],
    ['only a comment', '# nothing\n', ['1:1 .', 'empty']],
    ['a list', '- 1\n', ['1:1 .', 'must be a map']],
    ['a text', 'hello', ['1:1 .', 'must be a map']],
    ['an unclosed list', 'version: 1\nroutes: [\n  a\n', ['4:1 .', 'not valid YAML']],
    ['bad indentation', 'version: 1\nadmin:\n  port: 1\n host: a\n', ['4:1 .', 'not valid YAML']],
    ['a tab', 'admin:\n\tport: 1\n', ['2:1 .', 'not valid YAML']],
    ['a repeated key', 'version: 1\ndrain: 1s\ndrain: 2s\n', ['3:1 drain', 'already there']],
    [
      'two repeated keys',
      'version: 1\nversion: 1\nadmin: { port: 1, port: 2 }\n',
      ['2:1 version'],
      ['3:19 admin.port'],
    ],
    ['an unknown alias', 'version: *v\n', ['1:10 .', '&v']],
    ['an unknown tag', 'version: 1\ndrain: !wait 1s\n', ['2:8 .', 'tag']],
    ['two documents', 'version: 1\n---\nversion: 1\n', ['2:1 .', 'second document']],
    ['a reference in a flow map', 'admin: { port: ${PORT:-1} }', ['1:17 .', 'needs quotes']],
    ['JSON that is cut off', '{\n  "version": 1,\n  "routes": [', ['3:14 .', 'not valid YAML']],
  ]);

  test('an alias bomb', () => {
    const lines = ['a: &a [x, x, x, x, x, x, x, x, x, x]'];
    for (const [i, name] of [...'bcdefghi'].entries())
      lines.push(`${name}: &${name} [${`*${'abcdefghi'[i]!}, `.repeat(9)}]`);
    const mistakes = mistakesOf(lines.join('\n'));
    expect(mistakes).toHaveLength(1);
    expect(mistakes[0]).toContain('1:1 .: aliases');
  });

  test('a list in lists without end', () => {
    expect(mistakesOf(`a: ${'['.repeat(200_000)}`)).toHaveLength(1);
  });

  test('a value that holds itself', () => {
    expect(mistakesOf('version: 1\nroutes: &r [*r]\n').length).toBeGreaterThan(0);
  });
});

describe('keys and types', () => {
  run([
    ['a misspelt key', 'version: 1\nupstrems: []\n', ['2:1 upstrems', 'did you mean "upstreams"?']],
    ['a key of nothing like it', 'version: 1\nzzzzzzzz: 1\n', ['2:1 zzzzzzzz', 'use one of', 'listen']],
    ['a key in a list', inRoute('upsteam: users'), ['7:5 routes.0.upsteam', 'did you mean "upstream"?']],
    ['a merge key', inRoute('<<: { priority: 1 }'), ['7:5 routes.0.<<', 'merge keys']],
    ['no version', 'drain: 1s\n', ['1:1 version', 'missing', 'version must be 1']],
    ['another version', 'version: 2\n', ['1:10 version', 'version must be 1']],
    [
      'a missing key in an item',
      'version: 1\nupstreams:\n  - id: a\n',
      ['3:5 upstreams.0.targets', 'missing', 'a list'],
    ],
    ['a port of text', 'version: 1\nadmin:\n  port: "9"\n', ['3:9 admin.port', 'whole number']],
    ['a port too large', 'version: 1\nadmin: { port: 70000 }\n', ['2:16 admin.port', '0 to 65535']],
    ['an empty block', 'version: 1\nlimits:\n', ['2:8 limits', 'is empty', 'remove the key']],
    ['a text where a map belongs', 'version: 1\nlimits: high\n', ['2:9 limits', 'expected a map, got text']],
    [
      'a map where a list belongs',
      'version: 1\nroutes: { id: a }\n',
      ['2:9 routes', 'expected a list', '[ … ]'],
    ],
    [
      'a number where text belongs',
      inMatch('paths: [7]'),
      ['7:15 routes.0.match.paths.0', 'put it in quotes'],
    ],
    ['a duration without unit', 'version: 1\ndrain: 10\n', ['2:8 drain', '250ms']],
    ['a duration of an unknown unit', 'version: 1\ndrain: 10sec\n', ['2:8 drain', '30s']],
    ['a size without unit', 'version: 1\nlimits: { bodyBytes: 10 }\n', ['2:22 limits.bodyBytes', '10MB']],
    ['an unknown choice', 'version: 1\nlog: { level: wran }\n', ['2:15 log.level', 'did you mean "warn"?']],
    [
      'an unknown edge',
      'version: 1\nlisten: { http: { port: 1, edge: nod } }\n',
      ['2:34 listen.http.edge', '"node"'],
    ],
    ['workers in words', 'version: 1\nworkers: many\n', ['2:10 workers', 'auto or a number']],
    ['a bad id', inRoute('priority: 1').replace('id: a', 'id: "a b"'), ['4:9 routes.0.id', 'letters']],
    [
      'an unknown balance',
      inUpstream('balance: round-robbin\n    targets: [{ url: "http://a" }]'),
      ['4:14 upstreams.0.balance', 'did you mean "round-robin"?'],
    ],
    ['no targets', inUpstream('targets: []'), ['4:14 upstreams.0.targets', 'at least one target']],
    ['JSON, by line', '{\n  "version": 1,\n  "drian": "1s"\n}', ['3:3 drian', 'did you mean "drain"?']],
  ]);
});

describe('not in this version', () => {
  const words = ['not in this version'];
  run([
    [
      'a block',
      inUpstream('targets: [{ url: "http://a" }]\n    retry: { attempts: 2 }'),
      ['5:5 upstreams.0.retry', 'retry is', ...words, 'remove this block'],
    ],
    [
      'a choice',
      inUpstream('targets: [{ url: "http://a" }]\n    balance: p2c'),
      ['5:14 upstreams.0.balance', 'p2c is', ...words],
    ],
    [
      'a choice in a map',
      inUpstream('targets: [{ url: "http://a" }]\n    balance: { hash: ip }'),
      ['5:14 upstreams.0.balance', 'hash is', ...words],
    ],
    [
      'a store',
      'version: 1\nstore: { kind: redis, url: "redis://a" }\n',
      ['2:16 store.kind', 'redis is', ...words],
      ['2:23 store.url', ...words],
    ],
    ['a policy', inRoute('policies: { jwt: {} }'), ['7:17 routes.0.policies.jwt', 'jwt is', ...words]],
    ['a policy of the root', 'version: 1\npolicies:\n  waf: {}\n', ['3:3 policies.waf', ...words]],
    ['a listener', 'version: 1\nlisten: { https: { port: 1 } }\n', ['2:11 listen.https', ...words]],
  ]);
});

describe('policies', () => {
  run([
    [
      'an unknown one',
      inRoute('policies: { crs: {} }'),
      ['7:17 routes.0.policies.crs', 'did you mean "cors"?'],
    ],
    [
      'an unknown option',
      inRoute('policies: { rewrite: { stripPrefx: /a } }'),
      ['7:28 routes.0.policies.rewrite.stripPrefx', 'did you mean "stripPrefix"?'],
    ],
    [
      'an empty one',
      inRoute('policies:\n      request-id:'),
      ['8:18 routes.0.policies.request-id', 'write {}'],
    ],
    ['a missing option', 'version: 1\npolicies:\n  cors: {}\n', ['3:9 policies.cors.origins', 'missing']],
    ['a list instead of a map', 'version: 1\npolicies: [cors]\n', ['2:11 policies', 'expected a map']],
    [
      'one that is switched on',
      inRoute('policies: { cors: true }'),
      ['7:23 routes.0.policies.cors', 'expected a map'],
    ],
  ]);

  test('false switches one off, and defaults are filled in', () => {
    const loaded = loadText(inRoute('policies: { cors: false, rewrite: { stripPrefix: /a } }'), 'a', {
      env: {},
    });
    expect(loaded).toMatchObject({
      ok: true,
      config: { routes: [{ policies: { cors: false, rewrite: { stripPrefix: '/a' } } }] },
    });
  });
});

describe('routes', () => {
  run([
    [
      'an unknown upstream',
      inRoute('').replace('upstream: users', 'upstream: user'),
      ['6:15 routes.0.upstream', 'did you mean "users"?'],
    ],
    [
      'neither upstream nor respond',
      inRoute('').replace('upstream: users', 'priority: 1'),
      ['4:5 routes.0', 'leads nowhere'],
    ],
    ['both', inRoute('respond: { status: 200 }'), ['4:5 routes.0', 'both']],
    ['no paths', inMatch('methods: [GET]'), ['7:7 routes.0.match.paths', 'missing']],
    ['an empty list of paths', inMatch('paths: []'), ['7:14 routes.0.match.paths', '/* matches everything']],
    ['a relative path', inMatch('paths: [/ok, api]'), ['7:20 routes.0.match.paths.1', 'write "/api"']],
    ['a * in the middle', inMatch('paths: ["/a/*/b"]'), ['7:15 routes.0.match.paths.0', 'last segment']],
    ['a * in a segment', inMatch('paths: ["/a*"]'), ['7:15 routes.0.match.paths.0', 'last segment']],
    [
      'a parameter without a name',
      inMatch('paths: ["/a/:"]'),
      ['7:15 routes.0.match.paths.0', 'not a parameter'],
    ],
    [
      'a parameter with a dash',
      inMatch('paths: ["/:a-b"]'),
      ['7:15 routes.0.match.paths.0', 'not a parameter'],
    ],
    ['a parameter twice', inMatch('paths: ["/:a/:a"]'), ['7:15 routes.0.match.paths.0', 'twice']],
    [
      'dot segments',
      inMatch('paths: [/a/../b]'),
      ['7:15 routes.0.match.paths.0', 'write it that way', '"/b"'],
    ],
    ['an escaped letter', inMatch('paths: ["/%61"]'), ['7:15 routes.0.match.paths.0', '"/a"']],
    ['a bad escape', inMatch('paths: ["/100%"]'), ['7:15 routes.0.match.paths.0', '%25']],
    [
      'an escaped slash',
      inMatch('paths: ["/a%2fb"]'),
      ['7:15 routes.0.match.paths.0', 'always answered 400'],
    ],
    ['a backslash', inMatch('paths: ["/a\\\\b"]'), ['7:15 routes.0.match.paths.0', 'always answered 400']],
    ['a query', inMatch('paths: ["/a?b=1"]'), ['7:15 routes.0.match.paths.0', 'match.query']],
    ['letters beyond ASCII', inMatch('paths: ["/café"]'), ['7:15 routes.0.match.paths.0', '"/caf%C3%A9"']],
    [
      'a method in lower case',
      inMatch('paths: [/a]\n      methods: [get]'),
      ['8:17 routes.0.match.methods.0', 'did you mean "GET"?'],
    ],
    [
      'CONNECT',
      inMatch('paths: [/a]\n      methods: [CONNECT]'),
      ['8:17 routes.0.match.methods.0', 'not a method'],
    ],
    [
      'a host with a port',
      inMatch('paths: [/a]\n      hosts: ["A.example:80"]'),
      ['8:15 routes.0.match.hosts.0', 'write "a.example"'],
    ],
    [
      'a URL for a host',
      inMatch('paths: [/a]\n      hosts: ["http://a.example"]'),
      ['8:15 routes.0.match.hosts.0', 'a name only'],
    ],
    [
      'any host',
      inMatch('paths: [/a]\n      hosts: ["*"]'),
      ['8:15 routes.0.match.hosts.0', 'leave hosts out'],
    ],
    [
      'a * inside a host',
      inMatch('paths: [/a]\n      hosts: ["a.*.b"]'),
      ['8:15 routes.0.match.hosts.0', '*.example.com'],
    ],
    [
      'a host with a space',
      inMatch('paths: [/a]\n      hosts: ["a b"]'),
      ['8:15 routes.0.match.hosts.0', 'not a host name'],
    ],
    [
      'a header that is no name',
      inMatch('paths: [/a]\n      headers: { "x y": "1" }'),
      ['8:18 routes.0.match.headers.x y', 'not a header name'],
    ],
    [
      'a header twice',
      inMatch('paths: [/a]\n      headers: { X-A: "1", x-a: "1" }'),
      ['8:28 routes.0.match.headers.x-a', 'letter case'],
    ],
    [
      'a header of a number',
      inMatch('paths: [/a]\n      headers: { x-a: 1 }'),
      ['8:23 routes.0.match.headers.x-a', 'put it in quotes'],
    ],
    [
      'a reply with a framing field',
      inRoute('').replace('upstream: users', 'respond: { headers: { Content-Length: "1" } }'),
      ['6:27 routes.0.respond.headers.Content-Length', 'remove it'],
    ],
    [
      'a reply with a line break',
      inRoute('').replace('upstream: users', 'respond: { headers: { x: "a\\r\\nb" } }'),
      ['6:30 routes.0.respond.headers.x', 'line breaks'],
    ],
    [
      'a 204 with a body',
      inRoute('').replace('upstream: users', 'respond: { status: 204, body: hi }'),
      ['6:35 routes.0.respond.body', 'no body'],
    ],
    [
      'a status out of range',
      inRoute('').replace('upstream: users', 'respond: { status: 100 }'),
      ['6:24 routes.0.respond.status', 'at least 200'],
    ],
    [
      'an id twice',
      `${inRoute('')}  - { id: a, match: { paths: [/b] }, upstream: users }\n`,
      ['8:11 routes.1.id', 'taken'],
    ],
    [
      'the same match twice, written differently',
      `${UPSTREAMS}routes:
  - { id: a, match: { hosts: [B.example, a.example], paths: ["/u/:id"], methods: [GET, PUT] }, upstream: users }
  - { id: b, match: { hosts: [a.example, b.example], paths: ["/u/:name"], methods: [PUT, GET] }, upstream: users }
`,
      ['5:21 routes.1.match', 'never reached', '"a"'],
    ],
  ]);

  test('the same match with another priority, method or condition is no mistake', () => {
    const route = (id: string, match: string, rest = '') =>
      `  - { id: ${id}, match: { paths: [/a], ${match} }, upstream: users ${rest} }\n`;
    const text = `${UPSTREAMS}routes:\n${route('a', '')}${route('b', '', ', priority: 1')}${route('c', 'methods: [GET]')}${route('d', 'query: { a: "1" }')}${route('e', 'headers: { a: "1" }')}${route('f', 'hosts: [a]')}`;
    expect(mistakesOf(text)).toEqual([]);
  });
});

describe('upstreams', () => {
  const target = (url: string) => inUpstream(`targets: [{ url: "${url}" }]`);
  const at = '4:22 upstreams.0.targets.0.url';
  run([
    ['no scheme', target('127.0.0.1:9001'), [at, 'http://host:port']],
    ['another scheme', target('ftp://a'), [at, 'use http or https']],
    ['credentials', target('http://u:p@a'), [at, 'remove them']],
    ['a path', target('http://a/b'), [at, 'no path']],
    ['a query', target('http://a?b'), [at, 'no path or query']],
    ['no host', target('http://'), [at, 'host and port']],
    ['port 0', target('http://a:0'), [at, '1 to 65535']],
    ['a port too large', target('http://a:70000'), [at, 'host and port']],
    ['a port of letters', target('http://a:b'), [at, 'host and port']],
    ['a bad IPv4 address', target('http://1.2.3.400'), [at, 'IPv4']],
    ['a bad IPv6 address', target('http://[::g]'), [at, 'host and port']],
    [
      'the same target twice',
      inUpstream('targets: [{ url: "http://A" }, { url: "http://a:80/" }]'),
      ['4:43 upstreams.0.targets.1.url', 'the same as target 0'],
    ],
    [
      'nothing but weight 0',
      inUpstream('targets: [{ url: "http://a", weight: 0 }]'),
      ['4:14 upstreams.0.targets', 'weight 0'],
    ],
    [
      'a bad Host',
      inUpstream('targets: [{ url: "http://a" }]\n    host: "a b"'),
      ['5:11 upstreams.0.host', 'not a host'],
    ],
    [
      'tls without https',
      inUpstream('targets: [{ url: "http://a" }]\n    tls: { verify: false }'),
      ['5:5 upstreams.0.tls', 'https://'],
    ],
    [
      'a certificate that is none',
      inUpstream('targets: [{ url: "https://a" }]\n    tls: { ca: hello }'),
      ['5:16 upstreams.0.tls.ca', 'no certificate'],
    ],
    [
      'a garbled certificate',
      inUpstream(
        'targets: [{ url: "https://a" }]\n    tls: { ca: "-----BEGIN CERTIFICATE-----\\nAAAA\\n-----END CERTIFICATE-----" }',
      ),
      ['5:16 upstreams.0.tls.ca', 'cannot be read'],
    ],
    [
      'a key without certificate',
      inUpstream('targets: [{ url: "https://a" }]\n    tls: { key: hello }'),
      ['5:10 upstreams.0.tls', 'needs its certificate'],
      ['5:17 upstreams.0.tls.key', 'private key'],
    ],
    [
      'a file that is not there',
      inUpstream('targets: [{ url: "https://a" }]\n    tls: { ca: { file: no.pem } }'),
      ['5:24 upstreams.0.tls.ca.file', 'no such file'],
    ],
    [
      'an id twice',
      'version: 1\nupstreams:\n  - { id: a, targets: [{ url: "http://a" }] }\n  - { id: a, targets: [{ url: "http://a" }] }\n',
      ['4:11 upstreams.1.id', 'taken'],
    ],
  ]);
});

describe('the rest', () => {
  run([
    ['one port for two listeners', 'version: 1\nadmin: { port: 8080 }\n', ['2:16 admin.port', '8080']],
    [
      'a bad block',
      'version: 1\ntrustedProxies: [10.0.0.0/8, 10.0.0.0/33, "::1/129", x]\n',
      ['2:30 trustedProxies.1', '10.0.0.0/8'],
      ['2:43 trustedProxies.2'],
      ['2:54 trustedProxies.3'],
    ],
    ['a token with a space', 'version: 1\nadmin: { tokens: ["a b"] }\n', ['2:19 admin.tokens.0', 'bearer']],
    [
      'a token of a wrong role',
      'version: 1\nadmin: { tokens: [{ token: a, role: raed }] }\n',
      ['2:37 admin.tokens.0.role', 'did you mean "read"?'],
    ],
    [
      'no admin among the tokens',
      'version: 1\nadmin: { tokens: [{ token: a, role: read }] }\n',
      ['2:18 admin.tokens', 'role admin'],
    ],
  ]);

  test('port 0 is free for both listeners', () => {
    expect(mistakesOf('version: 1\nlisten: { http: { port: 0 } }\nadmin: { port: 0 }\n')).toEqual([]);
  });

  test('every mistake is told at once, in the order of the file', () => {
    const text = `version: 1
workrs: 2
routes:
  - id: a
    match: { paths: [api], methods: [get] }
    upstream: none
    policies: { crs: {} }
upstreams:
  - id: users
    targets: [{ url: "ftp://a", weigth: 1 }]
drain: 10
`;
    expect(mistakesOf(text).map((each) => each.slice(0, each.indexOf(': ')))).toEqual([
      '2:1 workrs',
      '5:22 routes.0.match.paths.0',
      '5:38 routes.0.match.methods.0',
      '6:15 routes.0.upstream',
      '7:17 routes.0.policies.crs',
      '10:22 upstreams.0.targets.0.url',
      '10:33 upstreams.0.targets.0.weigth',
      '11:8 drain',
    ]);
  });
});

describe('overrides', () => {
  const load = (options: LoadOptions) =>
    loadText('version: 1\nworkers: 3\nlog: { level: debug }\n', 'a.yaml', options);

  test('a flag beats a variable, which beats the file; an empty variable counts as unset', () => {
    const env = {
      SLUICE_PORT: '81',
      SLUICE_WORKERS: '4',
      SLUICE_ADMIN_PORT: '82',
      SLUICE_LOG_LEVEL: '',
      SLUICE_EDGE: 'node',
    };
    expect(load({ env, flags: { port: '91', edge: 'uws' } })).toMatchObject({
      ok: true,
      config: {
        workers: 4,
        listen: { http: { port: 91, edge: 'uws' } },
        admin: { port: 82 },
        log: { level: 'debug' },
      },
    });
  });

  test('workers: auto', () => {
    expect(load({ env: { SLUICE_WORKERS: 'auto' } })).toMatchObject({
      ok: true,
      config: { workers: 'auto' },
    });
  });

  test('the environment replaces the list of admin tokens', () => {
    const text = 'version: 1\nadmin: { tokens: [a, { token: b, role: read, name: eve }, ""] }\n';
    const both = loadText(text, 'a.yaml', { env: {} });
    expect(both).toMatchObject({
      ok: true,
      config: {
        admin: {
          tokens: ['a'],
          grants: [
            { token: 'a', role: 'admin', name: '' },
            { token: 'b', role: 'read', name: 'eve' },
          ],
        },
      },
    });
    const one = loadText(text, 'a.yaml', { env: { SLUICE_ADMIN_TOKEN: 'c' } });
    expect(one).toMatchObject({ ok: true, config: { admin: { tokens: ['c'] } } });
  });

  test.each([
    [{ env: { SLUICE_PORT: 'http' } }, 'environment:1:1 SLUICE_PORT: a port is a whole number'],
    [{ env: { SLUICE_WORKERS: '0' } }, 'environment:1:1 SLUICE_WORKERS: too small: at least 1'],
    [{ env: { SLUICE_ADMIN_TOKEN: 'a b' } }, 'environment:1:1 SLUICE_ADMIN_TOKEN: not a bearer token'],
    [
      { env: { SLUICE_REDIS_URL: 'redis://a' } },
      'environment:1:1 SLUICE_REDIS_URL: store.url is not in this version',
    ],
    [
      { env: {}, flags: { logLevel: 'wran' } },
      'flags:1:1 --log-level: "wran" is not known here: did you mean "warn"?',
    ],
    [{ env: {}, flags: { adminPort: '8080' } }, 'flags:1:1 --admin-port: listen.http has port 8080 too'],
  ])('a wrong override is told of by its own name: %j', (options, expected) => {
    const loaded = load(options);
    expect(loaded.ok ? [] : loaded.mistakes.map(formatMistake)).toEqual([expect.stringContaining(expected)]);
  });
});

describe('files', () => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-load-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  const at = (name: string) => join(folder, name);

  test('a missing file, a folder and bytes that are no text are one mistake each', () => {
    mkdirSync(at('folder'));
    writeFileSync(at('latin1.yaml'), Buffer.from('version: 1 # caf\xe9', 'latin1'));
    for (const [name, words] of [
      ['none.yaml', 'no such file'],
      ['folder', 'directory'],
      ['latin1.yaml', 'UTF-8'],
    ] as const) {
      const loaded = loadFile(at(name), { env: {} });
      expect(loaded.ok ? [] : loaded.mistakes).toEqual([
        { file: at(name), line: 1, col: 1, path: '', message: expect.stringContaining(words) as string },
      ]);
    }
  });

  test('a byte order mark and CRLF do not shift positions', () => {
    writeFileSync(at('bom.yaml'), '\ufeffversion: 1\r\ndrian: 1s\r\n');
    const loaded = loadFile(at('bom.yaml'), { env: {} });
    expect(loaded.ok ? [] : loaded.mistakes).toMatchObject([{ line: 2, col: 1, path: 'drian' }]);
  });

  test('a token may lie in a file beside the configuration', () => {
    writeFileSync(at('token'), 'secret\n');
    writeFileSync(
      at('tokens.yaml'),
      'version: 1\nadmin: { tokens: [{ file: token }, { token: { file: token2 }, name: ann }] }\n',
    );
    writeFileSync(at('token2'), 'other');
    expect(loadFile(at('tokens.yaml'), { env: {} })).toMatchObject({
      ok: true,
      config: { admin: { tokens: ['secret', 'other'], grants: [{ name: '' }, { name: 'ann' }] } },
      files: [at('token'), at('token2')],
    });
  });

  test('an empty token file is a mistake, not an open door', () => {
    writeFileSync(at('empty'), '\n');
    writeFileSync(at('empty.yaml'), 'version: 1\nadmin:\n  tokens: [{ file: empty }]\n');
    const loaded = loadFile(at('empty.yaml'), { env: {} });
    expect(loaded.ok ? [] : loaded.mistakes).toMatchObject([
      { line: 3, col: 20, path: 'admin.tokens.0.file' },
    ]);
  });
});
