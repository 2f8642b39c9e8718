import { Composer, Parser, type CST, type Document, type LineCounter } from 'yaml';

/** A YAML text composed to nodes, or where and why that was not tried. */
export type Composed = { readonly doc: Document } | { readonly offset: number; readonly problem: string };

/** More levels than any configuration has. Composing is recursive, so that a text must not choose the depth. */
const DEEPEST = 64;

/** Composes the one document of a text. Errors of syntax are in `doc.errors`. */
export function compose(text: string, lines: LineCounter): Composed {
  const tokens = [...new Parser(lines.addNewLine).parse(text)];
  const deep = tooDeep(tokens);
  if (deep !== null)
    return { offset: deep, problem: `nested too deeply: use at most ${String(DEEPEST)} levels` };
  const composer = new Composer({ prettyErrors: false, logLevel: 'silent' });
  const [doc, second] = [...composer.compose(tokens, true, text.length)];
  if (second !== undefined)
    return {
      offset: second.range[0],
      problem: 'a second document (after ---): keep one, use one file for each',
    };
  return doc === undefined
    ? { offset: 0, problem: 'the file is empty: write at least "version: 1"' }
    : { doc };
}

/** Offset of the first thing found to stand too deep. Walks with a list, since recursion is what is guarded. */
function tooDeep(tokens: readonly CST.Token[]): number | null {
  const open: { readonly token: CST.Token; readonly depth: number }[] = tokens.flatMap((token) =>
    token.type === 'document' && token.value !== undefined ? [{ token: token.value, depth: 0 }] : [],
  );
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { token, depth } = next;
    if (!('items' in token)) continue;
    if (depth > DEEPEST) return token.offset;
    for (const { key, value } of token.items) {
      if (key) open.push({ token: key, depth: depth + 1 });
      if (value) open.push({ token: value, depth: depth + 1 });
    }
  }
  return null;
}
