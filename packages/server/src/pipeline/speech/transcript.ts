/** The content of `transcript.json`: what a recogniser heard, when, and how sure it was. Seconds count from the file's start. */
import type { Provenance } from '../context.ts';
import { type Interval, rounded } from '../media/analysis.ts';

export interface Word extends Interval {
  readonly text: string;
  /** 0 … 1 as the engine says it; null when it does not. */
  readonly confidence: number | null;
}

export interface Segment extends Interval {
  readonly text: string;
  /** The segment's words in `Transcript.words`, first and one after the last; equal when the engine gives no words. */
  readonly words: readonly [number, number];
}

export interface Quality {
  /** Mean of the words' confidences; null when the engine gives none. */
  readonly meanConfidence: number | null;
  /** Share of words below 0.5. */
  readonly shareBelowHalf: number | null;
  /** Share of the file in which somebody speaks. */
  readonly speechShare: number;
  /** Of the time in which somebody speaks; null when nobody does. */
  readonly wordsPerMinute: number | null;
  /** Stretches to listen to again: at least three words that the engine was not sure of. */
  readonly lowConfidenceSpans: readonly LowConfidence[];
}

export interface LowConfidence extends Interval {
  readonly text: string;
  readonly meanConfidence: number;
}

export interface Transcript extends Provenance {
  readonly kind: 'holdfast.transcript';
  readonly schemaVersion: 1;
  /** Name of the model as the configuration gives it; null when the engine has only one. */
  readonly model: string | null;
  /** BCP 47, as heard or as told; null when neither is known. */
  readonly language: string | null;
  /** `draft`: good for finding places, not for quoting. */
  readonly grade: 'draft' | 'full';
  /** Whether the engine writes punctuation and capital letters itself. */
  readonly punctuated: boolean;
  readonly seconds: number;
  readonly segments: readonly Segment[];
  readonly words: readonly Word[];
  readonly quality: Quality;
}

/** What an engine heard in one stretch; times count from the beginning of the stretch. */
export interface Heard {
  readonly segments: readonly HeardSegment[];
  readonly language: string | null;
}

export interface HeardSegment extends Interval {
  readonly text: string;
  readonly words: readonly Word[];
}

/** Puts what was heard in stretches together, on the clock of the file. */
export function joinHeard(parts: readonly { readonly start: number; readonly end: number; readonly heard: Heard }[]): {
  segments: Segment[];
  words: Word[];
} {
  const segments: Segment[] = [];
  const words: Word[] = [];
  for (const { start: offset, end: limit, heard } of parts) {
    const place = (seconds: number) => rounded(Math.min(limit, offset + Math.max(0, seconds)));
    // Programs of others may say that something ends before it begins.
    const placed = ({ start, end }: Interval) => ({ start: place(start), end: place(Math.max(start, end)) });
    for (const segment of heard.segments) {
      const text = oneLine(segment.text);
      if (text === '') continue;
      const first = words.length;
      for (const word of segment.words) {
        const spoken = oneLine(word.text);
        if (spoken !== '') words.push({ ...word, text: spoken, ...placed(word) });
      }
      segments.push({ ...placed(segment), text, words: [first, words.length] });
    }
  }
  return { segments, words };
}

/** Text of others: one line, no control characters. */
export function oneLine(text: string): string {
  return text
    .replace(/[\p{Cc}\p{Cf}\s]+/gu, ' ')
    .trim()
    .slice(0, 10_000);
}

const sure = 0.5;
const spansMax = 200;

export function qualityOf(
  { segments, words }: { readonly segments: readonly Segment[]; readonly words: readonly Word[] },
  speech: { readonly speechSeconds: number; readonly speechShare: number },
): Quality {
  const rated = words.flatMap((word) => word.confidence ?? []);
  const count = words.length > 0 ? words.length : segments.reduce((sum, { text }) => sum + text.split(' ').length, 0);
  return {
    meanConfidence: rated.length === 0 ? null : rounded(rated.reduce((sum, value) => sum + value, 0) / rated.length),
    shareBelowHalf: rated.length === 0 ? null : rounded(rated.filter((value) => value < sure).length / rated.length),
    speechShare: rounded(speech.speechShare),
    wordsPerMinute: speech.speechSeconds < 1 ? null : Math.round((count / speech.speechSeconds) * 60),
    lowConfidenceSpans: lowSpans(words),
  };
}

/** Runs of words whose confidence stays low over three words. */
function lowSpans(words: readonly Word[]): LowConfidence[] {
  const mean = (part: readonly Word[]) =>
    part.reduce((sum, word) => sum + (word.confidence ?? 1), 0) / Math.max(1, part.length);
  const spans: LowConfidence[] = [];
  for (let at = 0; at + 3 <= words.length && spans.length < spansMax; ) {
    let end = at + 3;
    if (mean(words.slice(at, end)) >= sure) {
      at += 1;
      continue;
    }
    while (end < words.length && mean(words.slice(end - 2, end + 1)) < sure) end += 1;
    const span = words.slice(at, end);
    spans.push({
      start: span[0]?.start ?? 0,
      end: span.at(-1)?.end ?? 0,
      text: span.map((word) => word.text).join(' '),
      meanConfidence: rounded(mean(span)),
    });
    at = end;
  }
  return spans;
}
