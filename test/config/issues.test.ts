import { describe } from 'vitest';
import { inMatch, inRoute, inUpstream, run } from './cases.ts';

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
    ['a policy', inRoute('policies: { waf: {} }'), ['7:17 routes.0.policies.waf', 'waf is', ...words]],
    ['a policy of the root', 'version: 1\npolicies:\n  waf: {}\n', ['3:3 policies.waf', ...words]],
    [
      'a listener',
      'version: 1\nlisten: { h2c: { port: 1 } }\n',
      ['2:11 listen.h2c', ...words, 'remove this block'],
    ],
  ]);
});
