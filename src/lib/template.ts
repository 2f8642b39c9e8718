import type { Exchange } from '../contracts/exchange.ts';

type Read = (x: Exchange) => string;

/** What a template may name. Values that a client can choose are checked when they are filled in. */
const VARIABLES: Readonly<Record<string, Read>> = {
  request_id: (x) => x.id,
  trace_id: (x) => x.traceId,
  client_ip: (x) => x.ip,
  method: (x) => x.method,
  scheme: (x) => x.scheme,
  host: (x) => x.host,
  path: (x) => x.path,
  query: (x) => x.query,
  route: (x) => x.route.id,
  consumer: (x) => x.identity?.consumer ?? '',
  user: (x) => x.identity?.user ?? '',
};

/** A text with `{name}` places, ready to be filled for each exchange. */
export type Template = readonly (string | Read)[];

/**
 * Reads a template: `{client_ip}` is filled in per exchange, `{{` is a literal `{`, and a `}` that closes
 * nothing stands for itself. (`${NAME}` is not this: it is filled from the environment at load.)
 * Throws with a message for the author of the configuration.
 */
export function parseTemplate(text: string): Template {
  const parts: (string | Read)[] = [];
  let literal = '';
  let at = 0;
  for (let open = text.indexOf('{'); open >= 0; open = text.indexOf('{', at)) {
    literal += text.slice(at, open);
    if (text[open + 1] === '{') {
      literal += '{';
      at = open + 2;
      continue;
    }
    const close = text.indexOf('}', open);
    if (close < 0) throw new Error(`"${text.slice(open)}" is not closed; write {{ for a plain {`);
    if (literal !== '') parts.push(literal);
    literal = '';
    parts.push(variable(text.slice(open + 1, close)));
    at = close + 1;
  }
  literal += text.slice(at);
  return literal === '' ? parts : [...parts, literal];
}

function variable(name: string): Read {
  const read = Object.hasOwn(VARIABLES, name) ? VARIABLES[name] : undefined;
  if (read !== undefined) return read;
  const known = Object.keys(VARIABLES).join(', ');
  throw new Error(`{${name}} is not known here (known: ${known}); write {{ for a plain {`);
}

const PRINTABLE = /^[\x20-\x7e]*$/;

/** Fills a template. A value that is not printable ASCII is left out: it could not be sent as it is. */
export function render(template: Template, x: Exchange): string {
  let text = '';
  for (let i = 0; i < template.length; i++) {
    const part = template[i]!;
    if (typeof part === 'string') {
      text += part;
      continue;
    }
    const value = part(x);
    if (PRINTABLE.test(value)) text += value;
  }
  return text;
}
