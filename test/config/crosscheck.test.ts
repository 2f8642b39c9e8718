import { describe, expect, test } from 'vitest';
import { mistakesOf, run } from './cases.ts';

describe('listeners, tokens, proxies', () => {
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
