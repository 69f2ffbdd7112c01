/** Word error rate: the usual measure of a recogniser, (substitutions + deletions + insertions) / words of the reference. Pure. */

export interface WordErrorRate {
  /** 0 is perfect; more than 1 when there are many insertions. */
  readonly rate: number;
  readonly substitutions: number;
  readonly deletions: number;
  readonly insertions: number;
  readonly referenceWords: number;
}

interface Edits {
  readonly cost: number;
  readonly substitutions: number;
  readonly deletions: number;
  readonly insertions: number;
}

/** Case, punctuation and kinds of apostrophes are no errors; digits and words for numbers are different words. */
export function wordsOf(text: string): string[] {
  // Apostrophes first: NFKC takes a lone accent apart into a space and a mark.
  const plain = text
    .replace(/[’‘`´]/g, "'")
    .normalize('NFKC')
    .toLowerCase();
  return plain.match(/[\p{L}\p{M}\p{N}]+(?:'[\p{L}\p{M}]+)*/gu) ?? [];
}

/** Of the fewest edits that turn the reference into what was recognised (Levenshtein over words). The reference must have words. */
export function wordErrorRate(reference: string, recognised: string): WordErrorRate {
  const said = wordsOf(reference);
  const heard = wordsOf(recognised);
  if (said.length === 0) throw new RangeError('a word error rate needs a reference with words');
  let row: Edits[] = heard.reduce<Edits[]>((done) => [...done, edit(done.at(-1) ?? start, 'insertions')], [start]);
  for (const word of said) {
    const next: Edits[] = [edit(row[0] ?? start, 'deletions')];
    heard.forEach((other, at) => {
      const [diagonal, above, left] = [row[at] ?? start, row[at + 1] ?? start, next[at] ?? start];
      const straight = word === other ? diagonal : edit(diagonal, 'substitutions');
      const gap = above.cost <= left.cost ? edit(above, 'deletions') : edit(left, 'insertions');
      next.push(straight.cost <= gap.cost ? straight : gap);
    });
    row = next;
  }
  const { cost, ...edits } = row.at(-1) ?? start;
  return { rate: cost / said.length, ...edits, referenceWords: said.length };
}

const start: Edits = { cost: 0, substitutions: 0, deletions: 0, insertions: 0 };

function edit(from: Edits, kind: 'substitutions' | 'deletions' | 'insertions'): Edits {
  return { ...from, cost: from.cost + 1, [kind]: from[kind] + 1 };
}
