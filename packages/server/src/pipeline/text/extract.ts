/** What a file's own words say of it: sentences that were said, key phrases, text that was read. Nothing is written anew. Pure. */
import type { Interval } from '../media/analysis.ts';
import type { Paragraph } from '../speech/clean.ts';
import { keyPhrases } from './key-phrases.ts';
import { stopwordsOf } from './stopwords.ts';
import { topSentences } from './text-rank.ts';

export interface SaidSentence extends Interval {
  readonly speaker: string | null;
  readonly text: string;
}

export interface Speech {
  readonly paragraphs: readonly Paragraph[];
  readonly language: string | null;
  readonly grade: 'draft' | 'full';
}

export interface ScreenText extends Interval {
  readonly shot: number;
  readonly text: string;
  readonly lines: readonly { readonly text: string; readonly box: { readonly height: number } }[];
}

export interface Extract {
  /** In the order in which they were said. */
  readonly sentences: readonly SaidSentence[];
  readonly keyPhrases: readonly string[];
  /** Large text that was seen first. */
  readonly title: string | null;
}

const sentencesMax = 5;
const phrasesMax = 8;
/** One sentence in so many stands for the whole. */
const oneIn = 8;

export async function extract(speech: Speech | null, screen: readonly ScreenText[]): Promise<Extract> {
  const said = (speech?.paragraphs ?? []).flatMap(({ speaker, sentences }) =>
    sentences.map(({ start, end, text }) => ({ start, end, text, speaker })),
  );
  // Text on the screen has no language of its own here; most of it is in the language that is spoken.
  const stopwords = stopwordsOf(speech === null ? 'en' : speech.language);
  const count = Math.min(sentencesMax, Math.max(1, Math.ceil(said.length / oneIn)));
  const texts = said.map((sentence) => sentence.text);
  const chosen = stopwords === null ? [...texts.keys()].slice(0, 1) : await topSentences(texts, count, stopwords);
  const seen = [...new Set(screen.flatMap(({ lines }) => lines.map((line) => line.text)))];
  return {
    sentences: chosen.flatMap((i) => said[i] ?? []),
    keyPhrases: stopwords === null ? [] : keyPhrases([...texts, ...seen], phrasesMax, stopwords),
    title: titleOf(screen),
  };
}

/** The largest line of the first picture with text. */
function titleOf(screen: readonly ScreenText[]): string | null {
  const lines = screen[0]?.lines ?? [];
  const tallest = Math.max(0, ...lines.map((line) => line.box.height));
  const title = lines.find((line) => line.box.height >= tallest * 0.85 && /\p{L}{3}/u.test(line.text));
  return title === undefined ? null : shortened(title.text, 80);
}

export function shortened(text: string, charsMax: number): string {
  if (text.length <= charsMax) return text;
  const cut = text.slice(0, charsMax - 1);
  return `${cut.slice(0, Math.max(cut.lastIndexOf(' '), charsMax / 2)).trimEnd()}…`;
}
