import { isAlias, isMap, isNode, isScalar, isSeq, LineCounter, visit, type Document, type Pair } from 'yaml';
import { compose } from './compose.ts';
import { fillEnv, type Environment } from './env.ts';
import type { Mistake, Path } from './mistakes.ts';

/** A YAML or JSON text as plain data, with a way back from a path in the data to its line. */
export interface Parsed {
  readonly data: Readonly<Record<string, unknown>>;
  /** Repeated keys, unknown tags, variables that are not set: the data stands, with a guess in their place. */
  readonly mistakes: readonly Mistake[];
  /** A mistake at that path; see `Report` for what `at` means. */
  place(path: Path, message: string, at?: 'key' | 'value'): Mistake;
}

/**
 * Parses and fills from the environment. The one mistake that is given instead of data leaves nothing to
 * look at: what follows an error of syntax is noise. Never throws.
 */
export function parse(text: string, file: string, env: Environment): Parsed | Mistake {
  const lines = new LineCounter();
  const at: At = (offset, path, message) => {
    const { line, col } = lines.linePos(offset);
    return { file, line: Math.max(line, 1), col: Math.max(col, 1), path, message };
  };
  const composed = compose(text, lines);
  if ('problem' in composed) return at(composed.offset, '', composed.problem);
  const { doc } = composed;
  const syntax = doc.errors.find(({ code }) => code !== 'DUPLICATE_KEY');
  if (syntax !== undefined)
    return at(syntax.pos[0], '', `not valid YAML: ${syntax.message}${hint(text, syntax.pos[0])}`);
  if (!isMap(doc.contents)) return at(0, '', rootMessage(doc.contents));
  const mistakes = milderMistakes(doc, at);
  if (text.includes('${'))
    fillEnv(doc, env, ({ range }, message) => {
      const offset = range?.[0] ?? 0;
      mistakes.push(at(offset, pathAt(doc, offset), message));
    });
  try {
    const data = doc.toJS() as Parsed['data'];
    const place: Parsed['place'] = (path, message, end = 'value') =>
      at(offsetOf(doc, path, end), path.join('.'), message);
    return { data, mistakes, place };
  } catch {
    return aliasMistake(doc, at);
  }
}

type At = (offset: number, path: string, message: string) => Mistake;

function milderMistakes(doc: Document, at: At): Mistake[] {
  return [
    ...doc.errors.map(({ pos: [offset] }) =>
      at(offset, pathAt(doc, offset), 'this key is already there: remove or rename one'),
    ),
    ...doc.warnings.map(({ pos: [offset], message }) => at(offset, '', `${message}: remove the tag`)),
  ];
}

/** Only aliases make plain data impossible: one that names nothing, or so many that the data never ends. */
function aliasMistake(doc: Document, at: At): Mistake {
  let mistake = at(0, '', 'aliases (*name) unfold to too much data: write the values out');
  visit(doc, {
    Alias(_, node) {
      if (node.resolve(doc) !== undefined) return undefined;
      mistake = at(
        node.range?.[0] ?? 0,
        '',
        `nothing is named by &${node.source} before this alias: add it there`,
      );
      return visit.BREAK;
    },
  });
  return mistake;
}

/** The one thing people do that YAML takes for something else: `{ port: ${PORT} }`. */
function hint(text: string, offset: number): string {
  const start = text.lastIndexOf('\n', offset - 1) + 1;
  const end = text.indexOf('\n', offset);
  return text.slice(start, end < 0 ? undefined : end).includes('${')
    ? ' (between { } or [ ] a ${…} needs quotes, or a line of its own)'
    : '';
}

function rootMessage(contents: unknown): string {
  return contents === null || (isScalar(contents) && contents.value === null)
    ? 'the file is empty: write at least "version: 1"'
    : 'the file must be a map of keys: write "version: 1" and go on from there';
}

/** Offset of the key or the value at `path`; of the nearest node above when there is none. */
function offsetOf(doc: Document, path: Path, end: 'key' | 'value'): number {
  let node: unknown = doc.contents;
  let offset = 0;
  for (const [i, step] of path.entries()) {
    if (isAlias(node)) node = node.resolve(doc);
    const pair: Pair | undefined = isMap(node)
      ? node.items.find(({ key }) => keyText(key) === String(step))
      : undefined;
    const next: unknown =
      pair !== undefined ? pair.value : isSeq(node) ? node.items[Number(step)] : undefined;
    const keyed = pair !== undefined && ((end === 'key' && i === path.length - 1) || next === null);
    const found = keyed ? pair.key : next;
    if (!isNode(found)) return offset;
    offset = found.range?.[0] ?? offset;
    node = next;
  }
  return offset;
}

const keyText = (key: unknown): string => String(isScalar(key) ? key.value : key);

/** Path of the node that begins at `offset`: the way back from a parser's message, needed only for mistakes. */
function pathAt(doc: Document, offset: number): string {
  const walk = (node: unknown, path: Path): Path | null => {
    if (isMap(node)) {
      for (const { key, value } of node.items) {
        const below = [...path, keyText(key)];
        if (isNode(key) && key.range?.[0] === offset) return below;
        const found = walk(value, below);
        if (found !== null) return found;
      }
    } else if (isSeq(node)) {
      for (const [i, item] of node.items.entries()) {
        const found = walk(item, [...path, i]);
        if (found !== null) return found;
      }
    } else if (isScalar(node) && node.range?.[0] === offset) return path;
    return null;
  };
  return (walk(doc.contents, []) ?? []).join('.');
}
