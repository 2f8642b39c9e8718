import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseHost } from '../../src/lib/host.ts';

describe('parseHost', () => {
  test.each([
    ['example.org', 'example.org'],
    ['Example.ORG', 'example.org'],
    ['example.org:8080', 'example.org'],
    ['EXAMPLE.org:0', 'example.org'],
    ['example.org:', 'example.org'],
    ['example.org:65535', 'example.org'],
    ['example.org.', 'example.org'],
    ['Example.org.:80', 'example.org'],
    ['a_b-c.d', 'a_b-c.d'],
    ['localhost', 'localhost'],
    ['0.0.0.0=5000', '0.0.0.0=5000'],
    ["A~!$&'()*+;=z:1", "a~!$&'()*+;=z"],
    ['127.0.0.1:80', '127.0.0.1'],
    ['[::1]', '[::1]'],
    ['[2001:DB8::1]:443', '[2001:db8::1]'],
    ['[::ffff:1.2.3.4]:', '[::ffff:1.2.3.4]'],
  ])('%s is %s', (field, host) => expect(parseHost(field)).toBe(host));

  test.each([
    ...[
      '',
      '.',
      ':',
      ':80',
      '..',
      '.a',
      'a..b',
      'a..',
      ' a',
      'a ',
      'a b',
      'a\t',
      'a\0b',
      'a\x7f',
      'é',
      'a\u0130',
      'a\ufffd',
    ],
    ...[
      'user@h',
      'u:p@h',
      'a/b',
      'a\\b',
      'a?b',
      'a#b',
      'a,b',
      'a%41',
      'http://a',
      '{a}',
      'a|b',
      'a^b',
      'a"b',
      'a<b',
      'a`b',
    ],
    ...['a:b', 'a:80:80', 'a:-1', 'a:+1', 'a: 1', 'a:65536', 'a:000080', 'a:8e1', 'a:80/', '::1', '1:2:3'],
    ...[
      '[',
      ']',
      '[]',
      '[::1',
      '::1]',
      '[::1]]',
      '[[::1]]',
      'a[::1]',
      '[::1]a',
      '[::1]:x',
      '[::1]:70000',
      '[a]',
      '[1.2.3.4]',
    ],
    ...['[::1%eth0]', '[::1%25eth0]', '[v1.a]', '[:::1]', '[::g]', '[::1 ]'],
    'a'.repeat(256),
  ])('%j is refused', (field) => expect(parseHost(field)).toBeNull());

  test('takes the longest name there is, its root dot and port included', () => {
    const name = `${'a'.repeat(63)}.`.repeat(3) + 'a'.repeat(61);
    expect(parseHost(`${name}.:65535`)).toBe(name);
  });

  test('is idempotent, and a host that it accepts means the same to a URL parser', () => {
    const field = fc.string({
      unit: fc.constantFrom(...'aBz.-_:80@%/,=;*'),
      maxLength: 10,
    });
    // A last label of digits is an IPv4 address to URL parsers, and may be rewritten.
    const name = field.filter((text) => parseHost(text) !== null && !/\d\.?(:|$)/.test(text));
    fc.assert(
      fc.property(name, (text) => {
        const host = parseHost(text)!;
        expect(parseHost(host)).toBe(host);
        expect(new URL(`http://${text}/`).hostname.replace(/\.$/, '')).toBe(host);
      }),
      { numRuns: 3_000 },
    );
  });
});
