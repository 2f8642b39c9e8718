import { expect, test } from 'vitest';
import { loadText } from '../../src/config/load.ts';

/** `path: message` of every mistake, or of every warning where there is none. */
function told(config: object): string[] {
  const loaded = loadText(JSON.stringify({ version: 1, ...config }), 'a.json', { env: {} });
  return (loaded.ok ? loaded.warnings : loaded.mistakes).map(({ path, message }) => `${path}: ${message}`);
}

const HASH = `sha256:abcdefgh:salt:${'0'.repeat(64)}`;
const route = (policies: object) => ({ id: 'a', match: { paths: ['/a'] }, respond: {}, policies });

test('auth and access need somebody who identifies callers', () => {
  expect(told({ routes: [route({ access: { groups: ['g'] } })] })).toEqual([
    'routes.0.policies.access: access asks who calls, and nothing here tells: add key, session, basic or jwt, or set access: false',
  ]);
  expect(told({ routes: [route({ auth: {} })] })[0]).toMatch(
    /^routes\.0\.policies\.auth: auth has nothing to run/,
  );
  expect(told({ policies: { key: {} }, routes: [route({ access: { groups: ['g'] } })] })).toEqual([]);
  const off = { policies: { key: {}, access: { groups: ['g'] } }, routes: [route({ key: false })] };
  expect(told(off)[0]).toMatch(/^routes\.0\.policies: access asks who calls/);
  expect(told({ policies: off.policies, routes: [route({ key: false, access: false })] })).toEqual([]);
});

test('anyOf names what is in effect, anonymous a consumer', () => {
  expect(told({ routes: [route({ key: {}, auth: { anyOf: ['key', 'basic'] } })] })).toEqual([
    'routes.0.policies.auth.anyOf.1: basic is not in effect here: add it beside auth (key is)',
  ]);
  const visitor = { key: {}, auth: { anonymous: 'visitr' } };
  expect(told({ consumers: [{ id: 'visitor' }], routes: [route(visitor)] })).toEqual([
    'routes.0.policies.auth.anonymous: there is no consumer "visitr": did you mean "visitor"?',
  ]);
});

test('consumers share no id and no user name, keys no id', () => {
  const hash = `$scrypt$ln=10,r=8,p=1$${'A'.repeat(22)}$${'A'.repeat(43)}`;
  const keys = [
    { id: 'k', hash: HASH },
    { id: 'k', hash: HASH },
  ];
  expect(
    told({
      consumers: [
        { id: 'a', basic: { username: 'b', hash } },
        { id: 'b', basic: { hash }, keys },
        { id: 'b' },
      ],
    }).sort(),
  ).toEqual([
    'consumers.1.basic: another consumer has this user name: give each its own',
    'consumers.1.keys.1.id: the id "k" is taken by a key above: rename one',
    'consumers.2.id: the id "b" is taken by an item above: rename one',
  ]);
});

test('what is no hash is refused with the remedy, and what no key fits is a warning', () => {
  const keyed = (key: object) => told({ consumers: [{ id: 'a', keys: [{ id: 'k', hash: HASH, ...key }] }] });
  for (const hash of ['', 'secret', HASH.slice(0, -1), HASH.replace('sha256', 'md5')])
    expect(keyed({ hash })).toEqual([
      'consumers.0.keys.0.hash: a key is stored as sha256:PREFIX:SALT:HEX: run "sluice key new" for one',
    ]);
  expect(keyed({ expires: 'tomorrow' })[0]).toMatch(/^consumers\.0\.keys\.0\.expires: a moment is/);
  expect(keyed({ hash: 'sha256:PREFIX:SALT:HEX' })[0]).toMatch(/^consumers\.0\.keys\.0\.hash: a placeholder/);
  expect(keyed({ expires: '2020-01-01T00:00:00Z' })[0]).toMatch(/this key has expired/);
  expect(keyed({ expires: '2999-01-01T00:00:00+01:00' })).toEqual([]);
});
