import { describe } from 'vitest';
import { inUpstream, run } from './cases.ts';

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
