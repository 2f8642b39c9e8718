import { z } from 'zod';
import type { Exchange } from '../contracts/exchange.ts';
import type { Hooks, Policy } from '../contracts/policy.ts';
import { isFieldValue, setField } from '../lib/fields.ts';
import { parseTemplate, render, type Template } from '../lib/template.ts';
import { fieldNameMistake } from '../lib/field-names.ts';

type Side = 'request' | 'response';

const value = z.string().superRefine((text, context) => {
  if (!isFieldValue(text)) context.addIssue('a field value holds no control characters');
  try {
    parseTemplate(text);
  } catch (error) {
    context.addIssue((error as Error).message);
  }
});

const names = (side: Side) =>
  z.array(
    z.string().superRefine((name, context) => {
      const mistake = fieldNameMistake(name, side);
      if (mistake !== null) context.addIssue(mistake);
    }),
  );

const values = (side: Side) =>
  z.record(z.string(), value).superRefine((record, context) => {
    const seen = new Set<string>();
    for (const name of Object.keys(record)) {
      const twice = seen.has(name.toLowerCase()) ? `${name} is given twice: case does not count` : null;
      const mistake = fieldNameMistake(name, side) ?? twice;
      if (mistake !== null) context.addIssue({ code: 'custom', path: [name], message: mistake });
      seen.add(name.toLowerCase());
    }
  });

const changes = (side: Side) =>
  z.strictObject({
    remove: names(side).default([]).describe('Names of fields to drop; done first.'),
    set: values(side).default({}).describe('Fields to put in place of all of that name; may hold {names}.'),
    add: values(side).default({}).describe('Fields to add to those of that name; may hold {names}.'),
  });

const schema = z.strictObject({
  request: changes('request').prefault({}).describe('Changes of what the upstream is sent.'),
  response: changes('response').prefault({}).describe('Changes of what the client is sent.'),
});

/** Drops, replaces and adds fields on the way to the upstream and back, on replies of our own too. */
export const headers: Policy<z.output<typeof schema>> = { name: 'headers', schema, compile };

interface Changes {
  readonly remove: readonly string[];
  readonly set: readonly (readonly [name: string, value: Template])[];
  readonly add: readonly (readonly [name: string, value: Template])[];
}

function compile(options: z.output<typeof schema>): Hooks | null {
  const request = compileChanges(options.request);
  const response = compileChanges(options.response);
  const hooks: Hooks = {};
  if (request !== null) hooks.request = (x): undefined => changeRequest(x, request);
  if (response !== null) hooks.response = (x): undefined => changeReply(x, response);
  return request === null && response === null ? null : hooks;
}

function compileChanges(side: z.output<typeof schema>[Side]): Changes | null {
  const templates = (record: Record<string, string>): Changes['set'] =>
    Object.entries(record).map(([name, text]) => [name.toLowerCase(), parseTemplate(text)] as const);
  const remove = side.remove.map((name) => name.toLowerCase());
  const set = templates(side.set);
  const add = templates(side.add);
  return remove.length + set.length + add.length === 0 ? null : { remove, set, add };
}

function changeRequest(x: Exchange, { remove, set, add }: Changes): undefined {
  for (let i = 0; i < remove.length; i++) x.removeHeader(remove[i]!);
  for (let i = 0; i < set.length; i++) setField(x.headers, set[i]![0], render(set[i]![1], x));
  for (let i = 0; i < add.length; i++) x.headers.push(add[i]![0], render(add[i]![1], x));
}

function changeReply(x: Exchange, { remove, set, add }: Changes): undefined {
  const { reply } = x;
  if (reply === null) return;
  for (let i = 0; i < remove.length; i++) reply.remove(remove[i]!);
  for (let i = 0; i < set.length; i++) reply.set(set[i]![0], render(set[i]![1], x));
  for (let i = 0; i < add.length; i++) reply.add(add[i]![0], render(add[i]![1], x));
}
