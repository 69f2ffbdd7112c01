/**
 * Makes a transcript readable: sentences by pauses where the engine writes no punctuation, capital letters, paragraphs by pauses and
 * speakers, fillers taken out. Words are never changed otherwise, and each sentence says which words of the raw transcript it is made of. Pure.
 */
import { setImmediate } from 'node:timers/promises';
import { type Interval, rounded } from '../media/analysis.ts';
import { fillersOf } from './fillers.ts';
import type { Segment, Transcript, Word } from './transcript.ts';

export interface CleanRules {
  /** A pause that ends a sentence in speech without punctuation. */
  readonly sentencePauseSeconds: number;
  /** A pause that ends a paragraph. */
  readonly paragraphPauseSeconds: number;
  readonly paragraphWordsMax: number;
  readonly removeFillers: boolean;
}

export interface SpeakerTurn extends Interval {
  readonly speaker: string;
}

export interface Sentence extends Interval {
  readonly text: string;
  /** Words of the raw transcript, first and one after the last; equal when the engine gave none. */
  readonly words: readonly [number, number];
}

export interface Paragraph extends Interval {
  /** `S1`, `S2` …; null when that is not known. */
  readonly speaker: string | null;
  readonly text: string;
  readonly sentences: readonly Sentence[];
}

export interface Cleaned {
  readonly paragraphs: readonly Paragraph[];
  /** Places in the raw transcript's words that were left out. */
  readonly removed: readonly { readonly word: number; readonly text: string; readonly start: number }[];
}

/** A piece of speech that may not be divided any more: words of one sentence, or a segment without words. */
interface Piece extends Interval {
  readonly words: readonly [number, number];
  readonly text: string;
  readonly speaker: string | null;
}

/** Of ten hours there are thousands. */
const segmentsAtOnce = 500;

/** `punctuate` puts punctuation into the words of one sentence without changing them; the default only ends it. */
export async function clean(
  transcript: Pick<Transcript, 'segments' | 'words' | 'language' | 'punctuated'>,
  turns: readonly SpeakerTurn[],
  rules: CleanRules,
): Promise<Cleaned> {
  const fillers = rules.removeFillers ? fillersOf(transcript.language) : new Set<string>();
  const removed: Cleaned['removed'][number][] = [];
  const speakerAt = speakersOf(turns);
  const sentences: (Sentence & { speaker: string | null })[] = [];
  for (const [at, segment] of transcript.segments.entries()) {
    for (const { speaker, ...piece } of piecesOf(segment, transcript, { speakerAt, rules })) {
      const text = isWorded(piece) ? said(piece, transcript.words, { fillers, removed }) : piece.text;
      const written = transcript.punctuated ? tidy(text) : asSentence(text, transcript.language);
      if (written !== '') sentences.push({ ...piece, text: written, speaker });
    }
    // Whatever else this process has to do gets its turn.
    if ((at + 1) % segmentsAtOnce === 0) await setImmediate();
  }
  return { paragraphs: paragraphsOf(sentences, rules), removed };
}

function isWorded({ words: [first, end] }: Pick<Piece, 'words'>): boolean {
  return end > first;
}

/** A segment is cut at pauses (where nothing else ends sentences), at the ends of sentences, and where the speaker changes. */
function piecesOf(
  segment: Segment,
  { words, punctuated }: Pick<Transcript, 'words' | 'punctuated'>,
  { speakerAt, rules }: { readonly speakerAt: SpeakerAt; readonly rules: CleanRules },
): Piece[] {
  const [first, end] = segment.words;
  if (end <= first) {
    const speaker = speakerAt((segment.start + segment.end) / 2);
    return [{ start: segment.start, end: segment.end, words: segment.words, text: segment.text, speaker }];
  }
  const pieces: Piece[] = [];
  let from = first;
  const speakers = words.slice(first, end).map((word) => speakerAt((word.start + word.end) / 2));
  for (let at = first + 1; at <= end; at += 1) {
    const [before, next] = [words[at - 1], words[at]];
    if (!before) break;
    const changes = at < end && speakers[at - first] !== speakers[at - 1 - first];
    const over = punctuated
      ? /[.!?…。！？]["'”’)\]]*$/.test(before.text)
      : next !== undefined && next.start - before.end >= rules.sentencePauseSeconds;
    if (at < end && !over && !changes) continue;
    const start = words[from]?.start ?? segment.start;
    pieces.push({ start, end: before.end, words: [from, at], text: '', speaker: speakers[from - first] ?? null });
    from = at;
  }
  return pieces;
}

/** Who speaks at that time, or the nearest one within a moment. */
type SpeakerAt = (seconds: number) => string | null;

/** Every word is asked for, and there are thousands of turns: by the second, those that are within a moment of it. */
function speakersOf(turns: readonly SpeakerTurn[]): SpeakerAt {
  const near = new Map<number, SpeakerTurn[]>();
  for (const turn of turns)
    for (let second = Math.floor(turn.start) - 1; second <= turn.end + 1; second += 1) {
      const there = near.get(second);
      if (there) there.push(turn);
      else near.set(second, [turn]);
    }
  return (seconds) => {
    let [best, nearest] = [1, null as string | null];
    for (const { start, end, speaker } of near.get(Math.floor(seconds)) ?? []) {
      const distance = Math.max(0, start - seconds, seconds - end);
      if (distance < best) [best, nearest] = [distance, speaker];
      if (distance === 0) return speaker;
    }
    return nearest;
  };
}

function said(
  { words: [first, end] }: Pick<Piece, 'words'>,
  words: readonly Word[],
  { fillers, removed }: { readonly fillers: ReadonlySet<string>; readonly removed: Cleaned['removed'][number][] },
): string {
  const kept: string[] = [];
  for (let at = first; at < end; at += 1) {
    const word = words[at];
    if (!word) continue;
    const bare = word.text.toLowerCase().replace(/[^\p{L}\p{M}]/gu, '');
    if (!fillers.has(bare)) kept.push(word.text);
    else {
      removed.push({ word: at, text: word.text, start: word.start });
      // The end of a sentence stays when its last word goes.
      const mark = /[.!?]$/.exec(word.text)?.[0];
      const last = kept.at(-1);
      if (mark && last && !/[.!?]$/.test(last)) kept[kept.length - 1] = last.replace(/[,;]$/, '') + mark;
    }
  }
  return kept.join(' ');
}

/** Languages that write without spaces or capitals keep what they have. */
function asSentence(text: string, language: string | null): string {
  const plain = tidy(text);
  if (plain === '') return '';
  const english = (language ?? '').toLowerCase().startsWith('en');
  const proper = english ? plain.replace(/\bi(?=$|\s|'(?:m|ll|ve|d|re)\b)/g, 'I') : plain;
  return `${capital(proper)}${/[\p{L}\p{N}]$/u.test(proper) ? '.' : ''}`;
}

function tidy(text: string): string {
  return capital(
    text
      .replace(/\s+/g, ' ')
      .replace(/^[\s,;.]+/, '')
      .trim(),
  );
}

function capital(text: string): string {
  return text.replace(/^(\P{L}{0,2})(\p{Ll})/u, (_, before: string, letter: string) => before + letter.toUpperCase());
}

function paragraphsOf(
  sentences: readonly (Sentence & { readonly speaker: string | null })[],
  rules: CleanRules,
): Paragraph[] {
  const paragraphs: { start: number; end: number; speaker: string | null; sentences: Sentence[]; words: number }[] = [];
  for (const { speaker, ...sentence } of sentences) {
    const last = paragraphs.at(-1);
    const words = sentence.text.split(' ').length;
    const goesOn =
      last &&
      last.speaker === speaker &&
      sentence.start - last.end < rules.paragraphPauseSeconds &&
      last.words + words <= rules.paragraphWordsMax;
    if (last && goesOn) {
      last.sentences.push(sentence);
      last.end = sentence.end;
      last.words += words;
    } else paragraphs.push({ start: sentence.start, end: sentence.end, speaker, sentences: [sentence], words });
  }
  return paragraphs.map(({ words: _words, start, end, ...paragraph }) => ({
    start: rounded(start),
    end: rounded(end),
    ...paragraph,
    text: paragraph.sentences.map((sentence) => sentence.text).join(' '),
  }));
}
