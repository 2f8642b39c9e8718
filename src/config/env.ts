import { isScalar, Scalar, visit, type Document } from 'yaml';

/** Where `${NAME}` is filled from. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** `$${` (an escape), or a reference up to its closing brace; one that is never closed runs to the end. */
const REFERENCE = /\$\$\{|\$\{([^}]*)(\}|$)/g;
const INSIDE = /^([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?$/s;

/**
 * Fills `${NAME}` and `${NAME:-default}` in every value of a parsed document, in place. Working on parsed
 * scalars means that no value can add structure, and that every position stays true. A plain (unquoted)
 * scalar is resolved again afterwards, so `port: ${PORT}` is a number; anything quoted stays text.
 * An empty variable counts as unset. Keys are left alone.
 */
export function fillEnv(
  doc: Document,
  env: Environment,
  report: (node: Scalar, message: string) => void,
): void {
  visit(doc, {
    Scalar(key, node) {
      if (key === 'key' || typeof node.value !== 'string' || !node.value.includes('${')) return;
      const filled = fill(node.value, env, (message) => report(node, message));
      node.value = node.type === Scalar.PLAIN && node.tag === undefined ? resolvePlain(doc, filled) : filled;
    },
  });
}

function fill(text: string, env: Environment, report: (message: string) => void): string {
  return text.replace(REFERENCE, (whole: string, inside?: string, close?: string) => {
    if (inside === undefined) return '${';
    const [, name, fallback] = INSIDE.exec(inside) ?? [];
    if (name === undefined || close !== '}' || inside.includes('${')) {
      report(
        `${whole} cannot be read: write \${NAME} or \${NAME:-default}, or $\${ for the characters themselves`,
      );
      return '';
    }
    const value = env[name] || fallback;
    if (value === undefined)
      report(`environment variable ${name} is not set: set it, or give a default with \${${name}:-…}`);
    return value ?? '';
  });
}

/** What YAML makes of these characters when they stand unquoted: always one scalar, never a map or a list. */
function resolvePlain(doc: Document, text: string): unknown {
  const tag = doc.schema?.tags.find(
    (each) => each.default === true && each.collection === undefined && each.test?.test(text) === true,
  );
  if (tag === undefined || tag.collection !== undefined) return text;
  const resolved = tag.resolve(text, () => undefined, {});
  return isScalar(resolved) ? resolved.value : resolved;
}
