import type { z } from 'zod';

type Schema = z.core.$ZodType;
type Def = z.core.$ZodTypes['_zod']['def'];

const defOf = (schema: Schema): Def => (schema as z.core.$ZodTypes)._zod.def;

/** Schemas that a value may have to fit: wrappers (optional, default, transform …) taken off, unions spread. */
function bare(schema: Schema): Schema[] {
  const def = defOf(schema);
  switch (def.type) {
    case 'optional':
    case 'nullable':
    case 'default':
    case 'prefault':
    case 'nonoptional':
    case 'readonly':
    case 'catch':
      return bare(def.innerType);
    case 'pipe':
      return bare(def.in);
    case 'lazy':
      return bare(def.getter());
    case 'union':
      return def.options.flatMap(bare);
    case 'intersection':
      return [...bare(def.left), ...bare(def.right)];
    default:
      return [schema];
  }
}

function below(schema: Schema, step: string | number): Schema[] {
  const def = defOf(schema);
  if (def.type === 'object') return def.shape[step] === undefined ? [] : bare(def.shape[step]);
  if (def.type === 'array') return bare(def.element);
  if (def.type === 'record') return bare(def.valueType);
  return [];
}

/**
 * Keys that a map at `path` may have by its schema, for suggestions. Keys that only exist to be refused
 * (`never`: planned ones) are left out.
 */
export function keysAt(schema: Schema, path: readonly (string | number)[]): string[] {
  let found = bare(schema);
  for (const step of path) found = found.flatMap((each) => below(each, step));
  return found.flatMap((each) => {
    const def = defOf(each);
    if (def.type !== 'object') return [];
    return Object.entries(def.shape)
      .filter(([, value]) => !bare(value).every((inner) => defOf(inner).type === 'never'))
      .map(([key]) => key);
  });
}
