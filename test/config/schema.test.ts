import { createRequire } from 'node:module';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { beforeAll, describe, expect, test } from 'vitest';
import { jsonSchema } from '../../src/config/schema.ts';
import { POLICIES } from '../../src/policies/index.ts';

interface Validator {
  (data: unknown): boolean;
  readonly errors?: unknown;
}

/** The validator that fastify brings along, as an editor would use it. */
function compile(schema: object): Validator {
  const beside = createRequire(createRequire(import.meta.url).resolve('@fastify/ajv-compiler'));
  const { default: Ajv } = beside('ajv/dist/2020') as {
    default: new (o: object) => { compile(s: object): Validator };
  };
  return new Ajv({ strict: false, allErrors: true }).compile(schema);
}

const folder = join(import.meta.dirname, '..', '..', 'config');
const examples = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) =>
  name.endsWith('.yaml'),
);

describe('the JSON Schema', () => {
  let validate: Validator;
  beforeAll(() => {
    validate = compile(jsonSchema());
  });

  test.each(examples)('accepts %s', (name) => {
    validate(parse(readFileSync(join(folder, name), 'utf8')));
    expect(validate.errors).toBeNull();
  });

  const route = (rest: object) => ({ version: 1, routes: [{ id: 'a', match: { paths: ['/a'] }, ...rest }] });
  test.each<[string, object]>([
    ['an unknown key', { version: 1, drian: '1s' }],
    ['no version', {}],
    ['a port out of range', { version: 1, admin: { port: 70_000 } }],
    ['a block that is not there yet', { version: 1, listen: { h2c: { port: 8081 } } }],
    ['an unknown policy', route({ policies: { crs: {} } })],
    ['an unknown policy of the root', { version: 1, policies: { crs: {} } }],
    ['an unknown option of a policy', route({ policies: { cors: { origins: ['*'], orgin: 1 } } })],
    ['a route without match', { version: 1, routes: [{ id: 'a' }] }],
  ])('refuses %s', (_, config) => {
    expect(validate(config)).toBe(false);
  });

  test('false switches any policy off', () => {
    const off = Object.fromEntries(POLICIES.map(({ name }) => [name, false]));
    expect(validate(route({ policies: off }))).toBe(true);
  });

  test('says what every option is for, and no bounds that mean nothing', () => {
    const text = JSON.stringify(jsonSchema());
    expect(text).not.toContain(String(Number.MAX_SAFE_INTEGER));
    expect(jsonSchema()).toMatchObject({
      title: expect.any(String) as string,
      description: expect.any(String) as string,
    });
  });
});
