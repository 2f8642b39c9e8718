import { expect, test } from 'vitest';
import { loadText, type LoadOptions } from '../../src/config/load.ts';
import { formatMistake } from '../../src/config/mistakes.ts';

/** Mistakes as `LINE:COL path: message`, in the order they are told. */
export function mistakesOf(text: string, options: LoadOptions = {}): string[] {
  const loaded = loadText(text, 'a.yaml', { env: {}, ...options });
  if (loaded.ok) return [];
  return loaded.mistakes.map((each) => formatMistake(each).replace(/^a\.yaml:/, ''));
}

/** A valid start, so that a case shows only its own lines. */
export const UPSTREAMS = `version: 1
upstreams: [{ id: users, targets: [{ url: "http://127.0.0.1:9001" }] }]
`;
/** With one route, whose `match` gets its lines from the case; they begin at 7:7. */
export const inMatch = (line: string) => `${UPSTREAMS}routes:
  - id: a
    upstream: users
    match:
      ${line}
`;
/** With one route, to which the case adds keys at 7:5. */
export const inRoute = (line: string) => `${UPSTREAMS}routes:
  - id: a
    match: { paths: [/a] }
    upstream: users
    ${line}
`;
/** With one upstream, whose keys after `id` begin at 4:5. */
export const inUpstream = (line: string) => `version: 1
upstreams:
  - id: users
    ${line}
`;

/** What is wrong, a text, then for each expected mistake `LINE:COL path` and words of its message. */
export type Case = readonly [
  what: string,
  text: string,
  ...expected: (readonly [where: string, ...words: string[]])[],
];

/** One test a case: exactly these mistakes, in this order. */
export function run(cases: readonly Case[]): void {
  for (const [what, text, ...expected] of cases)
    test(what, () => {
      const mistakes = mistakesOf(text);
      expect(mistakes.map((each) => each.slice(0, each.indexOf(': ')))).toEqual(
        expected.map(([where]) => where),
      );
      expected.forEach(([, ...words], i) => words.forEach((word) => expect(mistakes[i]).toContain(word)));
    });
}
