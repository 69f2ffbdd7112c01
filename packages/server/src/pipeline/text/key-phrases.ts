/** RAKE (Rose et al. 2010): phrases between stop words, by how their words keep company. Pure. */
import { topicWords } from './stopwords.ts';

const wordsMax = 4;
const lettersMin = 3;

/** The phrases that say most of what the text is about, best first, as they stand in it. */
export function keyPhrases(texts: readonly string[], count: number, stopwords: ReadonlySet<string>): string[] {
  const phrases = texts.flatMap((text) => text.split(/[.,;:!?…()"\n]+/).flatMap((part) => between(part, stopwords)));
  const frequency = new Map<string, number>();
  const degree = new Map<string, number>();
  for (const words of phrases) {
    for (const word of words) {
      frequency.set(word, (frequency.get(word) ?? 0) + 1);
      degree.set(word, (degree.get(word) ?? 0) + words.length);
    }
  }
  const occurrences = new Map<string, { words: readonly string[]; times: number }>();
  for (const words of phrases) {
    const phrase = words.join(' ');
    occurrences.set(phrase, { words, times: (occurrences.get(phrase)?.times ?? 0) + 1 });
  }
  const scored = [...occurrences].map(([phrase, { words, times }]) => {
    const score = words.reduce((sum, word) => sum + (degree.get(word) ?? 0) / (frequency.get(word) ?? 1), 0);
    // What is said again matters more; plain RAKE favours long phrases that are said once.
    return { phrase, words, score: (score * times) / words.length };
  });
  scored.sort((a, b) => b.score - a.score || (a.phrase < b.phrase ? -1 : 1));
  const chosen: { phrase: string; words: readonly string[] }[] = [];
  for (const { phrase, words } of scored) {
    const said = chosen.some((other) => words.every((word) => other.words.includes(word)));
    if (!said) chosen.push({ phrase, words });
    if (chosen.length === count) break;
  }
  return chosen.map(({ phrase }) => phrase);
}

function between(text: string, stopwords: ReadonlySet<string>): string[][] {
  const phrases: string[][] = [];
  let current: string[] = [];
  const close = () => {
    const letters = current.join('').length;
    if (
      current.length > 0 &&
      current.length <= wordsMax &&
      letters >= lettersMin &&
      !/^[\d\s'-]+$/.test(current.join(''))
    )
      phrases.push(current);
    current = [];
  };
  for (const word of topicWords(text)) {
    if (stopwords.has(word)) close();
    else current.push(word);
  }
  close();
  return phrases;
}
