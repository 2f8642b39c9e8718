import { describe, expect, test } from 'vitest';
import { inMatch, inRoute, mistakesOf, run, UPSTREAMS } from './cases.ts';

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
