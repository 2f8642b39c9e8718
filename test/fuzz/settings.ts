import fc from 'fast-check';

/** `CASES` and `SEED` of the environment: `make fuzz` sets them, a plain test run has a small fixed set. */
const CASES = Number(process.env['CASES'] ?? 6000);
export const SEED = Number(process.env['SEED'] ?? 20_261_123);

/** How the cases are shared out; the parts add up to 1. */
const SHARES = { reader: 0.4, uws: 0.25, node: 0.15, replies: 0.2 };

/** How many cases a campaign has. */
export const casesOf = (campaign: keyof typeof SHARES): number => Math.ceil(CASES * SHARES[campaign]);

/** Long enough for all cases of any campaign at a hundred a second. */
export const LIMIT_MS = 60_000 + CASES * 10;

const BATCH = 500;

/** A campaign that found so many ends early. */
const ENOUGH = 5;

/**
 * Draws `count` cases, always the same for one seed, and runs them `width` at a time. `run` answers what went
 * wrong, or null; the whole answers all that did.
 */
export async function campaign<T>(
  cases: fc.Arbitrary<T>,
  count: number,
  width: number,
  run: (each: T, index: number) => Promise<string | null>,
): Promise<string[]> {
  const wrong: string[] = [];
  let drawn: T[] = [];
  let next = 0;
  const lane = async () => {
    while (next < count && wrong.length < ENOUGH) {
      const index = next++;
      if (index % BATCH === 0) drawn = fc.sample(cases, { seed: SEED + index, numRuns: BATCH });
      const complaint = await run(drawn[index % BATCH]!, index);
      if (complaint !== null) wrong.push(`seed ${SEED} case ${index}: ${complaint}`);
    }
  };
  await Promise.all(Array.from({ length: width }, lane));
  return wrong;
}

/** Bytes as text that can be pasted into a template string of a test. */
export function escaped(bytes: Uint8Array): string {
  const text = Buffer.from(bytes).toString('latin1');
  const plain = text.replace(
    /[^\x20-\x5b\x5d-\x7e]/g,
    (char) =>
      ({ '\r': '\\r', '\n': '\\n', '\t': '\\t', '\\': '\\\\' })[char] ??
      `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
  return plain.replace(/x{100,}/g, (run) => `\${'x'.repeat(${run.length})}`);
}
