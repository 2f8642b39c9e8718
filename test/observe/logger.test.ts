import { expect, test } from 'vitest';
import { makeLogger } from '../../src/observe/logger.ts';
import { PIPE_BUF } from '../../src/observe/output.ts';
import { Lines } from './lines.ts';

test('an event is a JSON line with the time and level format of the access log', () => {
  const lines = new Lines();
  makeLogger({ level: 'info', name: 'worker', worker: 3, destination: lines }).warn({ port: 80 }, 'Grüße');
  expect(lines.all[0]).toMatch(/^[\x20-\x7e]+\n$/);
  expect(lines.last).toMatchObject({ level: 'warn', name: 'worker', worker: 3, port: 80, msg: 'Grüße' });
  expect(lines.last['time']).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
});

test('the level decides what is said', () => {
  const lines = new Lines();
  const log = makeLogger({ level: 'warn', name: 'primary', destination: lines });
  log.info('no');
  log.error('yes');
  expect(lines.all).toHaveLength(1);
  expect(lines.last).not.toHaveProperty('worker');
});

const SECRET = 's3cr3t-VALUE';

test.each<[string, object]>([
  ['a token', { token: SECRET }],
  ['a list of tokens', { admin: { tokens: [SECRET] } }],
  ['an Authorization field', { headers: { authorization: SECRET } }],
  ['a nested password', { config: { store: { password: SECRET } } }],
  ['a TLS key', { upstream: { tls: { key: SECRET } } }],
  ['an API key field', { headers: { 'x-api-key': SECRET } }],
  ['a cookie', { headers: { cookie: SECRET } }],
  ['credentials in a URL', { store: { url: `redis://:${SECRET}@127.0.0.1:6379/0` } }],
  ['credentials with an @ or / in a URL', { url: `redis://me:p@ss/${SECRET}@db:6379` }],
  ['a bearer token in other text', { note: `sent Authorization: Bearer ${SECRET}` }],
  ['an error that quotes a URL', { err: new Error(`cannot reach redis://u:${SECRET}@db`) }],
])('%s is hidden', (_, fields) => {
  const lines = new Lines();
  makeLogger({ level: 'info', name: 'primary', destination: lines }).info(fields, 'event');
  expect(lines.all[0]).not.toContain(SECRET);
  expect(lines.all[0]).toContain('***');
  expect(lines.last['msg']).toBe('event');
});

test('a secret in the message itself is hidden too', () => {
  const lines = new Lines();
  makeLogger({ level: 'info', name: 'primary', destination: lines }).error(`redis://:${SECRET}@db is gone`);
  expect(lines.last['msg']).toBe('redis://***@db is gone');
});

test('an ordinary URL stays readable', () => {
  const lines = new Lines();
  makeLogger({ level: 'info', name: 'primary', destination: lines }).info('http://127.0.0.1:8080/ is open');
  expect(lines.last['msg']).toBe('http://127.0.0.1:8080/ is open');
});

test('a line that no pipe takes whole is cut to its head and message', () => {
  const lines = new Lines();
  const log = makeLogger({ level: 'info', name: 'worker', worker: 1, destination: lines });
  log.error({ detail: 'x'.repeat(9000) }, '\u0000ü'.repeat(3000));
  expect(lines.all[0]!.length).toBeLessThanOrEqual(PIPE_BUF);
  expect(lines.last).toMatchObject({ level: 'error', name: 'worker', worker: 1, truncated: true });
  expect(lines.last['msg']).toMatch(/^(\u0000ü)+$/u);
});
