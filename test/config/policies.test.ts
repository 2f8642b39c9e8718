import { describe, expect, test } from 'vitest';
import { loadText } from '../../src/config/load.ts';
import { inRoute, run } from './cases.ts';

describe('policies', () => {
  run([
    [
      'an unknown one',
      inRoute('policies: { crs: {} }'),
      ['7:17 routes.0.policies.crs', 'did you mean "cors"?'],
    ],
    [
      'an unknown option',
      inRoute('policies: { rewrite: { stripPrefx: /a } }'),
      ['7:28 routes.0.policies.rewrite.stripPrefx', 'did you mean "stripPrefix"?'],
    ],
    [
      'an empty one',
      inRoute('policies:\n      request-id:'),
      ['8:18 routes.0.policies.request-id', 'write {}'],
    ],
    ['a missing option', 'version: 1\npolicies:\n  cors: {}\n', ['3:9 policies.cors.origins', 'missing']],
    ['a list instead of a map', 'version: 1\npolicies: [cors]\n', ['2:11 policies', 'expected a map']],
    [
      'one that is switched on',
      inRoute('policies: { cors: true }'),
      ['7:23 routes.0.policies.cors', 'expected a map'],
    ],
  ]);

  test('false switches one off, and defaults are filled in', () => {
    const loaded = loadText(inRoute('policies: { cors: false, rewrite: { stripPrefix: /a } }'), 'a', {
      env: {},
    });
    expect(loaded).toMatchObject({
      ok: true,
      config: { routes: [{ policies: { cors: false, rewrite: { stripPrefix: '/a' } } }] },
    });
  });
});
