import { inertServices, noConsumers } from '../../src/lib/inert.ts';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { loadFile } from '../../src/config/load.ts';
import { POLICIES } from '../../src/policies/index.ts';
import { compile, mistakes } from './exchange.ts';

const examples = join(import.meta.dirname, '..', '..', 'config', 'policies');
const site = {
  route: { id: 'r', upstreamId: null },
  params: new Map([
    ['id', 0],
    ['*', 1],
  ]),
  scope: 'r',
  rateLimitHeaders: 'standard' as const,
  slot: () => ({ index: 0 }),
  authenticators: () => [],
  consumers: noConsumers,
  services: inertServices,
};

/** Every set of options in the example of a policy, as the loader hands them on. */
function optionsIn(name: string): unknown[] {
  const loaded = loadFile(join(examples, `${name}.yaml`), { env: {} });
  if (!loaded.ok) throw new Error(loaded.mistakes.map(({ message }) => message).join('\n'));
  const blocks = [loaded.config.policies, ...loaded.config.routes.map((route) => route.policies)];
  return blocks.map((block) => block[name]).filter((options) => options !== undefined && options !== false);
}

test('the order is the contract’s', () => {
  const contract = [
    'request-id',
    'ip',
    'cors',
    'waf',
    'limit',
    'auth',
    'access',
    'limit',
    'cache',
    'rewrite',
    'headers',
  ];
  const names = POLICIES.map((policy) => policy.name);
  expect(names).toEqual(contract.filter((name) => names.includes(name)));
});

test('every file of this folder is a policy of the table', () => {
  const files = readdirSync(join(import.meta.dirname, '..', '..', 'src', 'policies'))
    .filter((file) => file.endsWith('.ts') && file !== 'index.ts')
    .map((file) => file.slice(0, -'.ts'.length));
  expect([...new Set(POLICIES.map((policy) => policy.name))].sort()).toEqual(files.sort());
});

/** Options may be one map, or that or a list of such maps. */
function propertiesOf({ properties, anyOf }: z.core.JSONSchema.BaseSchema): Record<string, unknown> {
  return properties ?? anyOf?.[0]?.properties ?? {};
}

describe.each(POLICIES.map((policy) => [policy.name, policy] as const))('%s', (name, policy) => {
  test('checks its options even when it is compiled without a loader', () => {
    expect(() => policy.compile({ nonsense: 1 }, site)).toThrow(z.ZodError);
    expect(() => policy.compile('text', site)).toThrow(z.ZodError);
    expect(mistakes(name, null)).toHaveLength(1);
  });

  test('has an example, whose options survive being checked twice', () => {
    const all = optionsIn(name);
    expect(all.length).toBeGreaterThan(0);
    for (const once of all) {
      expect(policy.schema.parse(once)).toEqual(once);
      expect(structuredClone(once)).toEqual(once);
      policy.compile(once, site);
    }
  });

  test('describes every key in its JSON Schema', () => {
    const schema = z.toJSONSchema(policy.schema, { io: 'input' });
    const properties = Object.entries(propertiesOf(schema));
    expect(properties).not.toEqual([]);
    for (const [key, value] of properties)
      expect((value as { description?: string }).description, key).toMatch(/\.$|\)$/);
  });
});

test.each(['ip', 'rewrite', 'headers'])('%s without options is off', (name) => {
  expect(compile(name, {})).toBeNull();
});
