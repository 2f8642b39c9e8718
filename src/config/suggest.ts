/**
 * Edit distance with swaps of neighbours counted once (optimal string alignment): typing errors are
 * mostly one letter added, lost, changed or swapped.
 */
export function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let best = Math.min(last[j]! + 1, row[j - 1]! + 1, last[j - 1]! + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        best = Math.min(best, beforeLast[j - 2]! + 1);
      row.push(best);
    }
    beforeLast = last;
    last = row;
  }
  return last[b.length]!;
}

/** Names longer than this are not compared: nobody mistypes them, and the comparison is quadratic. */
const LONGEST = 64;

/** The known word that was most likely meant, or undefined when none is near. Letter case does not count. */
export function suggest(word: string, known: Iterable<string>): string | undefined {
  if (word.length > LONGEST) return undefined;
  const wanted = word.toLowerCase();
  let best: string | undefined;
  let distance = Math.max(1, Math.floor(word.length / 3)) + 1;
  for (const each of known) {
    if (Math.abs(each.length - word.length) >= distance) continue;
    const d = editDistance(wanted, each.toLowerCase());
    if (d < distance) [best, distance] = [each, d];
  }
  return best;
}

/** `did you mean "x"?`, or else what there is to choose from; a list that is too long is cut. */
export function remedy(word: string, known: readonly string[], none: string): string {
  const near = suggest(word, known);
  if (near !== undefined) return `did you mean "${near}"?`;
  if (known.length === 0) return none;
  const shown = known.slice(0, 12).join(', ');
  return `use one of ${shown}${known.length > 12 ? ', …' : ''}`;
}
