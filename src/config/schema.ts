import { z } from 'zod';
import { envelope } from '../contracts/config.ts';
import { BLOCKS, type Block } from './blocks.ts';

type Json = z.core.JSONSchema.BaseSchema;

/**
 * JSON Schema (draft 2020-12) of a configuration file as a user writes it: the envelope with the options
 * of each policy in their places. Editors complete and check by it; `check` knows more (what must fit
 * each other, and `${NAME}` in place of a number).
 */
export function jsonSchema(policies: readonly Block[] = BLOCKS): object {
  const root = convert(envelope);
  const route = itemsOf(root.properties?.routes);
  const map = policyMap(policies);
  for (const { properties } of [root, route]) {
    if (properties === undefined) continue;
    const opaque = asSchema(properties.policies);
    delete opaque.propertyNames;
    properties.policies = { ...opaque, ...map };
  }
  return {
    $schema: root.$schema,
    title: 'Sluice configuration',
    description: 'Listeners, upstreams, routes and policies of a Sluice API gateway.',
    ...root,
  };
}

function policyMap(policies: readonly Block[]): Json {
  const off: Json = { const: false, description: 'Switched off.' };
  const properties = Object.fromEntries(
    policies.map(({ name, schema }) => {
      const options = convert(schema);
      delete options.$schema;
      return [name, { anyOf: [options, off] }];
    }),
  );
  return { type: 'object', properties, additionalProperties: false };
}

const asSchema = (value: unknown): Json =>
  typeof value === 'object' && value !== null ? (value as Json) : {};

/** Schema of the items of a list. */
const itemsOf = (list: unknown): Json => {
  const { items } = asSchema(list);
  return Array.isArray(items) ? {} : asSchema(items);
};

/** Every whole number gets these bounds from zod; they say nothing to a reader. */
const NOISE: ReadonlySet<unknown> = new Set([Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER]);

const convert = (schema: z.ZodType): Json =>
  z.toJSONSchema(schema, {
    io: 'input',
    unrepresentable: 'any',
    override: ({ jsonSchema: json }) => {
      if (NOISE.has(json.minimum)) delete json.minimum;
      if (NOISE.has(json.maximum)) delete json.maximum;
    },
  });
