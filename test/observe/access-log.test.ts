import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FAULTS, fault, type FaultCode } from '../../src/contracts/fault.ts';
import { AccessLog, type AccessLogOptions, type LogSource } from '../../src/observe/access-log.ts';
import { PIPE_BUF } from '../../src/observe/output.ts';
import { exchange, Lines } from './lines.ts';

function logTo(lines: Lines, options: Partial<AccessLogOptions> = {}): AccessLog {
  const defaults = { level: 'info', access: true, query: false, redact: ['token', 'Key', 'Päss'] };
  return new AccessLog({ ...defaults, destination: lines, ...options });
}

function pathOf(query: string): unknown {
  const lines = new Lines();
  logTo(lines, { query: true }).write(exchange({ requestPath: '/a', requestQuery: query }), 200, 1, 1);
  return lines.last['path'];
}

test('a line has the fields of the contract in their order', () => {
  const lines = new Lines();
  const x = exchange({ consumer: 'alice', limit: 'per-ip', cache: 'hit', fault: fault('reset') });
  logTo(lines).write(x, 502, 12.3456, 7);
  expect(lines.all[0]).toMatch(/^\{.*\}\n$/);
  expect(Object.entries(lines.last).slice(1)).toEqual([
    ['level', 'info'],
    ['msg', 'request'],
    ['request_id', 'req-1'],
    ['trace_id', '0af7651916cd43dd8448eb211c80319c'],
    ['client_ip', '203.0.113.42'],
    ['method', 'GET'],
    ['host', 'api.example.com'],
    ['path', '/api/users/7'],
    ['protocol', 'HTTP/1.1'],
    ['status', 502],
    ['bytes_in', 0],
    ['bytes_out', 4312],
    ['duration_ms', 12.345],
    ['upstream_ms', 1.731],
    ['route', 'users'],
    ['upstream', 'users'],
    ['target', '127.0.0.1:9001'],
    ['attempts', 1],
    ['consumer', 'alice'],
    ['limit', 'per-ip'],
    ['cache', 'hit'],
    ['error', 'reset'],
    ['generation', 7],
  ]);
  expect(lines.last['time']).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  expect(Math.abs(Date.parse(lines.last['time'] as string) - Date.now())).toBeLessThan(5000);
});

test('what is not known is left out', () => {
  const lines = new Lines();
  const x = exchange({ route: { id: '-', upstreamId: null }, target: '', attempts: 0, upstreamMs: 0 });
  logTo(lines).write(x, 404, 0.2, 7);
  const absent = ['upstream_ms', 'route', 'upstream', 'target', 'consumer', 'limit', 'cache', 'error'];
  for (const field of absent) expect(lines.last).not.toHaveProperty(field);
});

test.each([
  [{ level: 'warn' }, 0],
  [{ level: 'silent' }, 0],
  [{ access: false }, 0],
  [{ level: 'debug' }, 1],
])('%j writes %i lines', (options, count) => {
  const lines = new Lines();
  logTo(lines, options).write(exchange(), 200, 1, 1);
  expect(lines.all).toHaveLength(count);
});

test('the query is logged only when asked for', () => {
  const lines = new Lines();
  logTo(lines).write(exchange({ requestPath: '/a', requestQuery: 'x=1' }), 200, 1, 1);
  expect(lines.last['path']).toBe('/a');
  expect(pathOf('x=1')).toBe('/a?x=1');
  expect(pathOf('')).toBe('/a');
});

test.each([
  ['token=s3cret', 'token=***'],
  ['a=1&token=s3cret&b=2', 'a=1&token=***&b=2'],
  ['TOKEN=s3cret', 'TOKEN=***'],
  ['key=s3cret', 'key=***'],
  ['%74oken=s3cret', '%74oken=***'],
  ['%74oke%6E=s3cret', '%74oke%6E=***'],
  ['%zz[%74oken]=s3cret', '%zz[%74oken]=***'],
  ['p%C3%A4ss=s3cret', 'p%C3%A4ss=***'],
  ['token[]=s3cret', 'token[]=***'],
  ['user[token]=s3cret', 'user[token]=***'],
  ['+token=s3cret', '+token=***'],
  ['token==s3cret', 'token=***'],
  ['a=1;token=s3cret', 'a=1;token=***'],
  ['token=s3;cret', 'token=***'],
  ['token=s3cret&token=s3cret', 'token=***&token=***'],
  ['token', 'token'],
  ['tokens=1&mytoken=2', 'tokens=1&mytoken=2'],
  ['a=token', 'a=token'],
])('in a query %s becomes %s', (query, shown) => {
  expect(pathOf(query)).toBe(`/a?${shown}`);
});

test('a secret never shows, wherever its parameter stands in a query', () => {
  const noise = fc.stringMatching(/^[a-z&=;%+[\]]{0,30}$/).map((text) => `${text}&`);
  const name = fc.constantFrom('token', 'Token', 'to%6ben', '%54OKEN', 'key', 'user[key]');
  fc.assert(
    fc.property(noise, name, noise, (before, parameter, after) => {
      expect(pathOf(`${before}${parameter}=S3CR3T&${after}`)).not.toContain('S3CR3T');
    }),
  );
});

const anyText = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: 'grapheme' }),
  fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code)) }),
  fc.constantFrom(
    '"',
    '\\',
    '\n',
    '\r\n{"level":"fatal"}\n',
    '\u2028',
    '\ud800',
    '\udc00\ud800',
    '\0',
    '\x7f',
  ),
  fc.string({ unit: 'binary', minLength: 300, maxLength: 3000 }),
);
const anyNumber = fc.oneof(fc.double(), fc.integer(), fc.constantFrom(NaN, Infinity, -1, 2 ** 53, 2 ** 31));
const anySource: fc.Arbitrary<LogSource> = fc.record({
  id: anyText,
  traceId: anyText,
  ip: anyText,
  method: anyText,
  host: anyText,
  requestPath: anyText,
  requestQuery: anyText,
  protocol: anyText,
  bytesIn: anyNumber,
  bytesOut: anyNumber,
  route: fc.record({ id: anyText, upstreamId: fc.option(anyText) }),
  target: anyText,
  attempts: anyNumber,
  upstreamMs: anyNumber,
  consumer: anyText,
  limit: anyText,
  cache: anyText,
  fault: fc.option(fc.constantFrom(...(Object.keys(FAULTS) as FaultCode[])).map((code) => fault(code))),
});

/** Half surrogate pairs as U+FFFD, which is what UTF-8 makes of them. */
const wellFormed = (text: string): string => Buffer.from(text).toString();

test('whatever comes in, a line is one line of JSON in ASCII that fits one write to a pipe', () => {
  fc.assert(
    fc.property(anySource, anyNumber, anyNumber, fc.boolean(), (x, status, duration, query) => {
      const lines = new Lines();
      logTo(lines, { query }).write(x, status, duration, 1);
      const line = lines.all[0]!;
      expect(line).toMatch(/^[\x20-\x7e]+\n$/);
      expect(line.length).toBeLessThanOrEqual(PIPE_BUF);
      expect(lines.last['level']).toBe('info');
      const shown = query && x.requestQuery !== '' ? undefined : wellFormed(x.requestPath);
      if (shown !== undefined) expect(shown.startsWith(lines.last['path'] as string)).toBe(true);
      if (x.host.length < 40) expect(lines.last['host']).toBe(wellFormed(x.host));
    }),
    { numRuns: 500 },
  );
});

test('the longest line of all fits one write to a pipe', () => {
  const lines = new Lines();
  const long = '"'.repeat(5000);
  const texts = {
    id: long,
    traceId: long,
    ip: long,
    method: long,
    host: long,
    requestPath: long,
    protocol: long,
  };
  const more = { target: long, consumer: long, limit: long, cache: long, fault: fault('connect_timeout') };
  const numbers = { bytesIn: 2 ** 53 - 1, bytesOut: 2 ** 53 - 1, attempts: 2 ** 53 - 1, upstreamMs: 2 ** 52 };
  const x = exchange({ ...texts, ...more, ...numbers, route: { id: long, upstreamId: long } });
  logTo(lines).write(x, 2 ** 53 - 1, 2 ** 52, 2 ** 53 - 1);
  expect(lines.all[0]!.length).toBeLessThanOrEqual(PIPE_BUF);
});

test('a long path is cut at 1,024 characters', () => {
  const lines = new Lines();
  logTo(lines).write(exchange({ requestPath: `/${'x'.repeat(5000)}` }), 200, 1, 1);
  expect(lines.last['path']).toBe(`/${'x'.repeat(1023)}`);
});

test('durations keep microseconds and never print as anything but a number', () => {
  fc.assert(
    fc.property(fc.double({ min: 0, max: 1e9, noNaN: true }), (ms) => {
      const lines = new Lines();
      logTo(lines).write(exchange(), 200, ms, 1);
      expect(Math.abs((lines.last['duration_ms'] as number) - ms)).toBeLessThanOrEqual(0.001_001);
    }),
  );
});
