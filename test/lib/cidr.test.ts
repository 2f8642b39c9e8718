import { BlockList, isIP } from 'node:net';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CidrSet, normaliseIp, parseCidr } from '../../src/lib/cidr.ts';

const v4 = fc.ipV4();
// Few distinct groups, so that blocks nest, addresses hit them, and runs of zeros meet.
const v6Groups = fc.array(fc.constantFrom(0, 0, 0, 1, 0x2001, 0xdb8, 0xffff, 0xabcd), {
  minLength: 8,
  maxLength: 8,
});
const v6 = v6Groups
  .filter((groups) => !(groups.slice(0, 5).every((each) => each === 0) && groups[5] === 0xffff))
  .map((groups) => groups.map((each) => each.toString(16)).join(':'));
const nearV4 = fc
  .array(fc.constantFrom(0, 1, 10, 127, 128, 192, 255), { minLength: 4, maxLength: 4 })
  .map((bytes) => bytes.join('.'));

/** Text that is an address, or nearly. */
const almost = fc
  .array(
    fc.constantFrom(':', '::', '.', '0', '1', '255', '256', '01', 'ffff', 'g', '1.2.3.4', '%', 'eth0', ' '),
    {
      maxLength: 12,
    },
  )
  .map((pieces) => pieces.join(''));

describe('CidrSet against node:net BlockList', () => {
  test.each([
    ['IPv4', 'ipv4', 32, fc.oneof(v4, nearV4)],
    ['IPv6', 'ipv6', 128, v6],
  ] as const)('%s', (_, family, bits, address) => {
    const blocks = fc.array(fc.tuple(address, fc.integer({ min: 1, max: bits })), { maxLength: 30 });
    fc.assert(
      fc.property(blocks, fc.array(address, { minLength: 1, maxLength: 20 }), (list, asked) => {
        const oracle = new BlockList();
        for (const [net, prefix] of list) oracle.addSubnet(net, prefix, family);
        const set = new CidrSet(list.map(([net, prefix]) => `${net}/${prefix}`));
        // Random addresses seldom hit: the blocks' own addresses always do.
        for (const ip of [...asked, ...list.map(([net]) => net)])
          expect(set.has(ip), ip).toBe(oracle.check(ip, family));
      }),
      { numRuns: 500 },
    );
  });
});

describe('CidrSet', () => {
  test('an IPv4-mapped address is that IPv4 address, on both sides', () => {
    const set = new CidrSet(['10.0.0.0/8', '::ffff:192.0.2.0/120']);
    expect(set.has('::ffff:10.1.2.3')).toBe(true);
    expect(set.has('0000:0000:0000:0000:0000:ffff:0a01:0203')).toBe(true);
    expect(set.has('::FFFF:a01:203')).toBe(true);
    expect(set.has('192.0.2.200')).toBe(true);
    expect(set.has('::10.1.2.3')).toBe(false);
    expect(set.has('192.0.3.0')).toBe(false);
  });

  test('IPv6 blocks do not hold IPv4 addresses, and the other way round', () => {
    expect(new CidrSet(['::/0']).has('10.0.0.1')).toBe(false);
    expect(new CidrSet(['::/0']).has('::ffff:10.0.0.1')).toBe(false);
    expect(new CidrSet(['0.0.0.0/0']).has('::1')).toBe(false);
    expect(new CidrSet(['0.0.0.0/0', '::/0']).has('::1')).toBe(true);
  });

  test('text of the uWS edge', () => {
    expect(new CidrSet(['::1']).has('0000:0000:0000:0000:0000:0000:0000:0001')).toBe(true);
  });

  test('host bits are dropped', () => {
    expect(new CidrSet(['10.1.2.3/8']).has('10.200.0.1')).toBe(true);
    expect(new CidrSet(['2001:db8::5/32']).has('2001:db8:9::1')).toBe(true);
  });

  test('the ends of the range', () => {
    const set = new CidrSet(['0.0.0.0/32', '255.255.255.255', '128.0.0.0/1']);
    expect(['0.0.0.0', '128.0.0.0', '255.255.255.255'].map((ip) => set.has(ip))).toEqual([true, true, true]);
    expect(['0.0.0.1', '127.255.255.255'].map((ip) => set.has(ip))).toEqual([false, false]);
  });

  test('nothing is in an empty set, and no text that is not an address is in any', () => {
    expect(new CidrSet([]).has('10.0.0.1')).toBe(false);
    for (const text of ['', '10.0.0', '10.0.0.1 ', 'localhost', '::1::', '10.0.0.1/32'])
      expect(new CidrSet(['0.0.0.0/0', '::/0']).has(text), text).toBe(false);
  });

  test('what is not a block is named', () => {
    expect(() => new CidrSet(['10.0.0.0/8', '10.0.0.0/33'])).toThrow(
      '"10.0.0.0/33" is not an IP address or CIDR',
    );
  });
});

describe('parseCidr', () => {
  test.each([
    ['10.1.2.3', { family: 4, prefix: 32, words: [0, 0, 0, 0x0a010203] }],
    ['10.1.2.3/12', { family: 4, prefix: 12, words: [0, 0, 0, 0x0a000000] }],
    ['255.255.255.255/0', { family: 4, prefix: 0, words: [0, 0, 0, 0] }],
    ['2001:db8:ffff::/33', { family: 6, prefix: 33, words: [0x20010db8, 0x80000000, 0, 0] }],
    ['::ffff:10.1.2.3/104', { family: 4, prefix: 8, words: [0, 0, 0, 0x0a000000] }],
    ['::ffff:10.1.2.3', { family: 4, prefix: 32, words: [0, 0, 0, 0x0a010203] }],
  ])('%s', (text, block) => expect(parseCidr(text)).toEqual(block));

  test.each([
    ...['', '/', '10.0.0.0/', '10.0.0.0/33', '10.0.0.0/-1', '10.0.0.0/+8', '10.0.0.0/8/8', '10.0.0.0/ 8'],
    ...['10.0.0/8', '::/129', '::/0x10', '::ffff:10.0.0.0/95', 'a/8', '10.0.0.0/8.5', '10.0.0.0/1e1'],
  ])('%j is none', (text) => expect(parseCidr(text)).toBeNull());
});

describe('normaliseIp', () => {
  test.each([
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['0:0:0:0:0:FFFF:C000:0201', '192.0.2.1'],
    ['0000:0000:0000:0000:0000:0000:0000:0000', '::'],
    ['0000:0000:0000:0000:0000:0000:0000:0001', '::1'],
    ['1:0:0:0:0:0:0:0', '1::'],
    ['2001:DB8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['2001:db8::1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
    ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0'],
    ['::2:3:4:5:6:7:8', '0:2:3:4:5:6:7:8'],
    ['64:ff9b::192.0.2.1', '64:ff9b::c000:201'],
    ['fe80::1%eth0', 'fe80::1'],
  ])('%s is %s', (text, expected) => expect(normaliseIp(text)).toBe(expected));

  test('knows an address when node does', () => {
    const any = fc.oneof(almost, fc.string({ maxLength: 20 }), fc.ipV4(), fc.ipV6(), v6);
    fc.assert(
      fc.property(any, (text) => {
        // Node is particular about the characters of a zone; here it only has to be there.
        const plain = text.split('%')[0]!;
        fc.pre(!text.includes('%') || isIP(plain) !== 6);
        expect(normaliseIp(text) !== null).toBe(isIP(text) !== 0);
      }),
      { numRuns: 5_000 },
    );
  });

  test('gives one text for each address: what a URL parser writes, and itself again', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          v6,
          fc.ipV6().filter((text) => !text.includes('.')),
        ),
        (text) => {
          const canonical = normaliseIp(text)!;
          expect(normaliseIp(canonical)).toBe(canonical);
          if (canonical.includes(':')) expect(`[${canonical}]`).toBe(new URL(`http://[${text}]/`).hostname);
        },
      ),
      { numRuns: 2_000 },
    );
  });
});
