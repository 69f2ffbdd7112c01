/** TextRank (Mihalcea and Tarau 2004): sentences that share words with many others stand for the whole. Pure. */
import { setImmediate } from 'node:timers/promises';
import { topicWords } from './stopwords.ts';

const damping = 0.85;
const rounds = 40;
/** The comparison takes the square of the number of sentences; more are looked at block by block, and the best of each again. */
const blockMax = 300;
const wordsMin = 4;

/**
 * Indexes of the `count` sentences that stand for the whole, in the order of the text. Those of ten hours take seconds: whatever else this
 * process has to do gets its turn between blocks.
 */
export async function topSentences(
  sentences: readonly string[],
  count: number,
  stopwords: ReadonlySet<string>,
): Promise<number[]> {
  const bags = sentences.map(
    (text) => new Set(topicWords(text).filter((word) => !stopwords.has(word) && word.length > 1)),
  );
  let candidates = [...sentences.keys()].filter((i) => topicWords(sentences[i] ?? '').length >= wordsMin);
  while (candidates.length > blockMax) {
    const kept: number[] = [];
    for (let at = 0; at < candidates.length; at += blockMax) {
      kept.push(...best(candidates.slice(at, at + blockMax), bags, Math.max(count, blockMax / 10)));
      await setImmediate();
    }
    if (kept.length >= candidates.length) break;
    candidates = kept;
  }
  return best(candidates, bags, count);
}

function best(candidates: readonly number[], bags: readonly ReadonlySet<string>[], count: number): number[] {
  const scores = rank(candidates.map((i) => bags[i] ?? new Set()));
  return candidates
    .map((index, at) => ({ index, score: scores[at] ?? 0 }))
    .sort((a, b) => b.score - a.score || a.index - b.index)
    .slice(0, count)
    .map(({ index }) => index)
    .sort((a, b) => a - b);
}

function rank(bags: readonly ReadonlySet<string>[]): number[] {
  const weights = bags.map((a, i) => bags.map((b, j) => (i === j ? 0 : likeness(a, b))));
  const sums = weights.map((row) => row.reduce((sum, weight) => sum + weight, 0));
  let scores = bags.map(() => 1);
  for (let round = 0; round < rounds; round += 1) {
    const given = scores.map((score, j) => (sums[j] ? score / sums[j] : 0));
    // Likeness goes both ways: what comes in is in the row of what goes out.
    scores = weights.map(
      (row) => 1 - damping + damping * row.reduce((sum, weight, j) => sum + weight * (given[j] ?? 0), 0),
    );
  }
  return scores;
}

function likeness(a: ReadonlySet<string>, b: ReadonlySet<string>): number {
  if (a.size < 2 || b.size < 2) return 0;
  let shared = 0;
  for (const word of a) if (b.has(word)) shared += 1;
  return shared / (Math.log(a.size) + Math.log(b.size));
}
