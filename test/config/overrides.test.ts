import { describe, expect, test } from 'vitest';
import { loadText, type LoadOptions } from '../../src/config/load.ts';
import { formatMistake } from '../../src/config/mistakes.ts';

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
      { env: { SLUICE_REDIS_URL: 'http://a:b@c' } },
      'environment:1:1 SLUICE_REDIS_URL: not an address of Redis: use redis:// or rediss://',
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
