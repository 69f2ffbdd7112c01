/**
 * Search in what is said, read and how files are called. Both databases get the same words from here, already folded, so that they find the
 * same; what a reader typed never reaches a database's own query language. Pure.
 */
import { HoldfastError } from './errors.ts';

/**
 * A step makes its text searchable by leaving an artifact of this content type:
 * `{"kind":"holdfast.passages","schemaVersion":1,"passages":[Passage …]}`.
 */
export const passagesType = 'application/vnd.holdfast.passages+json';

/** What is said, and what is read in the picture. */
export type PassageKind = 'speech' | 'screen';
export type HitKind = PassageKind | 'name';
export const hitKinds: readonly HitKind[] = ['speech', 'screen', 'name'];

export interface Passage {
  readonly kind: PassageKind;
  /** Seconds from the file's start. */
  readonly start: number;
  readonly end: number;
  /** As it is shown; some sentences long. */
  readonly text: string;
  /** Other words to be found by that are not shown, such as the raw transcript's. */
  readonly also?: string;
  /** `[place in text, seconds]`: from which character on which time is heard, in order. */
  readonly marks: readonly (readonly [number, number])[];
}

/** Words that have to follow each other; the last may be the beginning of a word. */
export interface Clause {
  readonly terms: readonly string[];
  readonly prefix: boolean;
}

export interface SearchQuery {
  /** Every one has to be in the passage. */
  readonly all: readonly Clause[];
  /** None of these may be. */
  readonly none: readonly Clause[];
}

const queryCharsMax = 500;
const termsMax = 24;
const termCharsMax = 60;
/** Scripts without spaces between words: each letter is a term, and a word is a phrase of them. */
const unspaced = String.raw`\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Thai}\p{sc=Lao}\p{sc=Khmer}\p{sc=Myanmar}`;
const token = new RegExp(String.raw`[${unspaced}]|(?:(?![${unspaced}])[\p{L}\p{M}\p{N}])+`, 'gu');

/** Terms of a text: without case, accents and punctuation. */
export function termsOf(text: string): string[] {
  return (text.match(token) ?? []).map(folded).filter((term) => term !== '');
}

function folded(word: string): string {
  return word
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .replaceAll('ß', 'ss')
    .replace(/[^\p{L}\p{N}]/gu, '')
    .slice(0, termCharsMax);
}

/**
 * `budget meeting` (both), `"next meeting"` (as a phrase), `engin*` (beginning of a word), `-holiday` (not). Anything else that is typed is a
 * separator. Throws `invalid-request` for a query without a word to look for, or one that is too long.
 */
export function parseQuery(text: string): SearchQuery {
  if (text.length > queryCharsMax) throw refused(`A query has at most ${queryCharsMax} characters.`);
  const all: Clause[] = [];
  const none: Clause[] = [];
  for (const [, minus, phrase, word] of text.matchAll(/(?<![^\s])(-?)(?:"([^"]*)"?|([^\s"]+))/gu)) {
    const terms = termsOf(phrase ?? word ?? '');
    if (terms.length === 0) continue;
    (minus === '-' ? none : all).push({ terms, prefix: word?.endsWith('*') ?? false });
  }
  if (all.length === 0)
    throw refused('The query has no word to look for; a word with a minus only leaves results out.');
  if ([...all, ...none].reduce((sum, clause) => sum + clause.terms.length, 0) > termsMax)
    throw refused(`A query has at most ${termsMax} words.`);
  return { all, none };
}

function refused(message: string): HoldfastError {
  return new HoldfastError('invalid-request', message, { details: { field: 'q' } });
}

export interface Snippet {
  readonly text: string;
  /** Places in `text` of what was looked for, first character and one after the last. */
  readonly highlights: readonly (readonly [number, number])[];
  /** Where in the passage's own text the first of them stands; null when it is found by other words. */
  readonly place: number | null;
}

const before = 80;
const snippetChars = 240;

/** The part of a passage around the first match. */
export function snippetOf(text: string, query: SearchQuery): Snippet {
  const words = [...text.matchAll(token)].map((match) => ({
    term: folded(match[0]),
    start: match.index,
    end: match.index + match[0].length,
  }));
  const found: { start: number; end: number }[] = [];
  for (let at = 0; at < words.length; at += 1) {
    for (const { terms, prefix } of query.all) {
      const fits = terms.every((term, i) => {
        const word = words[at + i]?.term;
        return i === terms.length - 1 && prefix ? word?.startsWith(term) : word === term;
      });
      const [first, last] = [words[at], words[at + terms.length - 1]];
      if (fits && first && last) found.push({ start: first.start, end: last.end });
    }
  }
  const place = found[0]?.start ?? null;
  const from = place === null || place <= before ? 0 : text.indexOf(' ', place - before) + 1;
  const start = from > 0 && from <= (place ?? 0) ? from : Math.max(0, (place ?? 0) - before);
  const cut = text.length - start <= snippetChars ? text.length : text.lastIndexOf(' ', start + snippetChars);
  const end = cut > start ? cut : Math.min(text.length, start + snippetChars);
  const lead = start > 0 ? '… ' : '';
  const shift = lead.length - start;
  return {
    text: `${lead}${text.slice(start, end)}${end < text.length ? ' …' : ''}`,
    highlights: found
      .filter((each) => each.start >= start && each.end <= end)
      .map((each) => [each.start + shift, each.end + shift] as const),
    place,
  };
}

/** When the words at that place are heard. */
export function timeAt(passage: Pick<Passage, 'start' | 'marks'>, place: number | null): number {
  if (place === null) return passage.start;
  return passage.marks.findLast(([at]) => at <= place)?.[1] ?? passage.start;
}
