import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Runtime } from '../../src/contracts/runtime.ts';
import type { Downstream } from '../../src/contracts/transport.ts';
import { NameSet } from '../../src/lib/name-set.ts';
import { Exchange } from '../../src/pipeline/exchange.ts';
import { admit, admitList } from '../../src/pipeline/intake.ts';
import { RequestReader } from '../../src/pipeline/request-reader.ts';

const SIZE = 4096;
const memory = new ArrayBuffer(SIZE);
const reader = new RequestReader(memory);
const bytes = Buffer.from(memory);

/** Puts a head to that place, amid what was there before, and reads it. */
function read(head: string, at = 0): boolean {
  bytes.fill('GET /stale HTTP/1.1\r\nhost: stale\r\n\r\n');
  bytes.write(head, at, 'latin1');
  return reader.read(at + 'GET '.length);
}

const headOf = (target: string, fields: readonly (readonly string[])[]) =>
  `GET ${target} HTTP/1.1\r\n${fields.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`;

function exchange(path: string, query: string, list: string[] | null, trusted: boolean): Exchange {
  const runtime = {
    trusts: (ip: string) => trusted && ip === '10.0.0.1',
    identityHeaders: new NameSet(['x-user-id', 'x-consumer-id']),
    refused: { slots: 0 },
  } as unknown as Runtime;
  return new Exchange(runtime, {} as Downstream, 'http', 'GET', path, query, list, '10.0.0.1');
}

/** What a head comes to, read from memory and taken from a list. */
function both(target: string, fields: readonly (readonly [string, string])[], trusted: boolean) {
  const [path = '', ...rest] = target.split('?');
  const taken = exchange(path, rest.join('?'), fields.flat(), trusted);
  const list = { fault: admitList(taken), ...told(taken) };
  expect(read(headOf(target, fields), 100)).toBe(true);
  const x = exchange(reader.path, reader.query, null, trusted);
  const lines = { fault: admit(x, reader), ...told(x) };
  return { list, lines };
}

const told = (x: Exchange) => ({
  lines: x.lines(),
  headers: [...x.headers],
  path: x.path,
  query: x.query,
  host: x.host,
  authority: x.authority,
  ip: x.ip,
  bodyLength: x.bodyLength,
  hasLength: x.hasLength,
  closing: x.closing,
  closingOnly: x.closingOnly,
  poisoned: x.poisoned,
  traceparent: x.traceparent,
  forwardedFor: x.forwardedFor,
  forwardedHost: x.forwardedHost,
});

const SPECIAL = [
  ...[
    'host',
    'connection',
    'content-length',
    'transfer-encoding',
    'te',
    'keep-alive',
    'x-user-id',
    'x_user_id',
  ],
  ...[
    'x-forwarded-for',
    'x-forwarded-host',
    'x-request-id',
    'traceparent',
    'authorization',
    'cookie',
    'x_real_ip',
  ],
];
const name = fc.oneof(fc.constantFrom(...SPECIAL), fc.stringMatching(/^[a-z][a-z0-9_-]{0,9}$/));
const value = fc.oneof(
  fc.constantFrom(
    'keep-alive',
    'close',
    'cookie, x-a',
    '0',
    '12',
    'chunked',
    'h.example',
    '10.0.0.9, 8.8.8.8',
  ),
  fc.constant('00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'),
  fc.stringMatching(/^[!-~]([ -~]{0,90}[!-~])?$/),
);
const target = fc.stringMatching(/^\/[!-~]{0,30}$/);

test('a head read from memory comes to what the list of its fields comes to', () => {
  fc.assert(
    fc.property(target, fc.array(fc.tuple(name, value), { maxLength: 20 }), fc.boolean(), (...head) => {
      const { list, lines } = both(...head);
      expect(lines).toEqual(list);
    }),
    { numRuns: 3000 },
  );
});

test('a field is found by its name as in the list: before the lines are text, afterwards, and when others are taken out', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(name, value), { maxLength: 20 }), name, (fields, removed) => {
      const list = exchange('/', '', fields.flat(), false);
      admitList(list);
      const names = [...SPECIAL, ...fields.map(([each]) => each), 'x-absent'];
      const found = (x: Exchange) => names.map((each) => [each, x.header(each), [...x.fields(each)]]);
      const taken = () => {
        read(headOf('/', fields), 100);
        const x = exchange(reader.path, reader.query, null, false);
        admit(x, reader);
        return x;
      };
      const asked = taken();
      expect(found(asked)).toEqual(found(list));
      expect(asked.lines()).toBe(list.lines());
      const settled = taken();
      settled.settleLines(false);
      read(headOf('/', [['host', 'other'], ...SPECIAL.map((each) => [each, 'other'])]), 100);
      expect(found(settled)).toEqual(found(list));
      const without = taken();
      without.removeHeader(removed);
      list.removeHeader(removed);
      expect(found(without)).toEqual(found(list));
    }),
    { numRuns: 1000 },
  );
});

test('requests that differ in every place are told apart', () => {
  for (let i = 0; i < 200; i++) {
    const fields = Array.from({ length: 10 }, (_, k) => [`n${(i * 7 + k) % 13}`, `v${i}-${k}`] as const);
    const { list, lines } = both(`/p${i}?q=${i}`, [['host', `h${i % 3}`], ...fields], false);
    expect(lines).toEqual(list);
  }
});

describe('what is not of the plain form is left to others', () => {
  test.each([
    ['a name in upper case', 'GET / HTTP/1.1\r\nHost: h\r\n\r\n'],
    ['no space before a value', 'GET / HTTP/1.1\r\nhost:h\r\n\r\n'],
    ['two spaces', 'GET / HTTP/1.1\r\nhost:  h\r\n\r\n'],
    ['a tab', 'GET / HTTP/1.1\r\nhost: \th\r\n\r\n'],
    ['a tab inside', 'GET / HTTP/1.1\r\nhost: h\r\nx: a\tb\r\n\r\n'],
    ['a delete', 'GET / HTTP/1.1\r\nhost: h\r\nx: a\x7fb\r\n\r\n'],
    ['a space behind it', 'GET / HTTP/1.1\r\nhost: h \r\n\r\n'],
    ['an empty value', 'GET / HTTP/1.1\r\nhost: h\r\nx: \r\n\r\n'],
    ['no value at all', 'GET / HTTP/1.1\r\nhost: h\r\nx:\r\n\r\n'],
    ['an empty name', 'GET / HTTP/1.1\r\nhost: h\r\n: x\r\n\r\n'],
    ['no colon', 'GET / HTTP/1.1\r\nhost: h\r\nx\r\n\r\n'],
    ['more than ASCII in a value', 'GET / HTTP/1.1\r\nhost: h\r\nx: caf\u00e9s\r\n\r\n'],
    ['more than ASCII in the target', 'GET /caf\u00e9s HTTP/1.1\r\nhost: h\r\n\r\n'],
    ['a whole address as target', 'GET http://h/ HTTP/1.1\r\nhost: h\r\n\r\n'],
    ['another version', 'GET / HTTP/1.0\r\nhost: h\r\n\r\n'],
    ['a bare line feed', 'GET / HTTP/1.1\r\nhost: h\r\nx: y\n\r\n\r\n'],
    ['a bare carriage return', 'GET / HTTP/1.1\r\nhost: h\r\nx: y\rz\r\n\r\n'],
    ['more fields than anyone sends', `GET / HTTP/1.1\r\n${'a: b\r\n'.repeat(200)}\r\n`],
  ])('%s', (_, head) => {
    expect(read(head)).toBe(false);
  });

  test('a head at the end of the memory, or beyond', () => {
    const head = headOf('/', [['host', 'h']]);
    expect(read(head, SIZE - head.length)).toBe(true);
    expect(read(head, SIZE - head.length + 1)).toBe(false);
    expect(read(head, SIZE - 5)).toBe(false);
    expect(read(head, SIZE)).toBe(false);
  });
});

test('what was read stays what it was when the memory changes', () => {
  read(
    headOf('/path?query', [
      ['host', 'h.example'],
      ['x-a', 'one'],
      ['te', 'x'],
      ['x-b', 'two'],
    ]),
  );
  const x = exchange(reader.path, reader.query, null, false);
  admit(x, reader);
  x.settleLines(false);
  read(headOf('/', [...['te', 'x-a', 'x-b', 'x-c'].map((each) => [each, 'next'])]));
  expect(told(x)).toMatchObject({ path: '/path', query: 'query', host: 'h.example' });
  expect(x.lines()).toBe('\r\nx-a: one\r\nx-b: two');
  expect([x.header('x-a'), x.header('x-b'), x.header('te')]).toEqual(['one', 'two', undefined]);
  x.headers.push('x-c', 'three');
  expect(x.lines()).toBe('\r\nx-a: one\r\nx-b: two\r\nx-c: three');
  x.removeHeader('x-a');
  expect(x.header('x-a')).toBeUndefined();
});

test('fields that nobody wanted are gone when the memory changes: they are not those of the next request', () => {
  const head = (value: string) =>
    headOf('/', [
      ['host', 'h.example'],
      ['x-secret', value],
    ]);
  read(head('one'));
  const x = exchange(reader.path, reader.query, null, false);
  admit(x, reader);
  x.settleLines(true);
  read(head('two'));
  expect([x.lines(), x.header('x-secret'), x.headers]).toEqual(['', undefined, []]);
});

test('a list that was asked for counts, whatever lies in memory', () => {
  const head = headOf('/', [
    ['host', 'h.example'],
    ['x-a', 'one'],
  ]);
  read(head);
  const x = exchange(reader.path, reader.query, null, false);
  admit(x, reader);
  expect(x.header('x-a')).toBe('one');
  x.headers.push('x-c', 'three');
  expect([x.header('x-c'), x.fields('x-a')]).toEqual(['three', ['one']]);
});

describe('what a client may make the gateway do', () => {
  test('a long list in Connection costs one pass, and drops what it names', () => {
    const options = Array.from({ length: 6_000 }, (_, i) => i.toString(36)).join();
    const fields = Array.from({ length: 100 }, (_, i) => [i.toString(36), 'v']).flat();
    const from = performance.now();
    for (let i = 0; i < 50; i++) {
      const x = exchange('/', '', ['host', 'h', 'connection', options, ...fields, 'kept-1', 'v'], false);
      expect(admitList(x)).toBeNull();
      expect(x.headers).toEqual(['kept-1', 'v']);
    }
    // 2 ms each; with a walk for each name it was more than ten.
    expect((performance.now() - from) / 50).toBeLessThan(10);
  });

  test('what is kept of a request does not keep its head', () => {
    const memory = new ArrayBuffer(16_384);
    const here = Buffer.from(memory);
    const reader = new RequestReader(memory);
    const kept: string[] = [];
    const before = heapUsed();
    for (let i = 0; i < 3_000; i++) {
      const ip = `203.0.${100 + (i >> 8)}.${100 + (i & 127)}`;
      here.write(
        headOf('/', [
          ['host', 'h'],
          ['x-forwarded-for', ip],
          ['x-pad', 'p'.repeat(8_000)],
        ]),
        'latin1',
      );
      reader.read(4);
      const x = exchange(reader.path, reader.query, null, true);
      admit(x, reader);
      kept.push(x.ip);
    }
    // Their heads would be 24 MB.
    expect(heapUsed() - before).toBeLessThan(5_000_000);
    expect(kept.at(-1)).toBe('203.0.111.155');
  });
});

function heapUsed(): number {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  return process.memoryUsage().heapUsed;
}

test.each([1, 2, 3, 63, 64, 65, 500])(
  'a name of %i characters is told as it came, after itself and after one that differs at its end',
  (length) => {
    const names = ['q', 'q', 'r', 'q'].map((end) => 'q'.repeat(length - 1) + end);
    for (const name of names) {
      expect(read(headOf('/', [['host', 'a'], [name, 'v'] as const, ['accept', '*/*']]))).toBe(true);
      expect([reader.field(1).name, reader.value(1), reader.field(2).name]).toEqual([name, 'v', 'accept']);
    }
  },
);
