/**
 * `transcript.json` and `transcript.clean.json` as the page needs them: sentences to click on in paragraphs, and how sure the engine was of
 * each word. A transcript of hours has tens of thousands of words, so words are only looked at when their sentence is shown. Pure.
 */
import { asObject, type Json, numberAt, objectAt, objectsAt, textAt } from './json-reader.ts';

export interface Sentence {
  /** Seconds. */
  readonly start: number;
  readonly end: number;
  readonly text: string;
  /** Words of the raw transcript, first and one after the last; equal when there are none. */
  readonly words: readonly [number, number];
}

export interface Paragraph {
  readonly start: number;
  readonly end: number;
  /** `S1`, `S2` …; null when that is not known. */
  readonly speaker: string | null;
  /** Sentences, first and one after the last. */
  readonly sentences: readonly [number, number];
}

export interface Transcript {
  readonly engine: string;
  /** BCP 47; null when not known. */
  readonly language: string | null;
  /** Good for finding places, not for quoting. */
  readonly draft: boolean;
  /** Sentences end where the speaker paused: the engine writes no punctuation. */
  readonly byPauses: boolean;
  /** 0 … 1; null when the engine does not say. */
  readonly meanConfidence: number | null;
  /** Share of the file in which somebody speaks, 0 … 1. */
  readonly speechShare: number | null;
  readonly wordsPerMinute: number | null;
  readonly sentences: readonly Sentence[];
  readonly paragraphs: readonly Paragraph[];
  readonly speakers: readonly string[];
  /** As they came, unchecked: `wordAt` reads one. */
  readonly words: readonly unknown[];
  /** Places of the fillers that were left out of the sentences. */
  readonly removed: ReadonlySet<number>;
}

/** A piece of a sentence; `confidence` is null where it is good or not known. */
export interface Piece {
  readonly text: string;
  readonly confidence: number | null;
}

/** Words below are marked. */
export const doubtBelow = 0.5;

/** Null when there is nothing to show. `cleaned` may be missing: the raw segments are shown then. */
export function readTranscript(raw: unknown, cleaned: unknown): Transcript | null {
  const [root, clean] = [asObject(raw), asObject(cleaned)];
  const about = root ?? objectAt(clean, 'source');
  if (about === null) return null;
  const text = clean === null ? fromSegments(root) : fromParagraphs(clean);
  const quality = objectAt(root, 'quality');
  const words = root?.['words'];
  return {
    engine: textAt(about, 'engine') ?? 'an unnamed engine',
    language: textAt(root, 'language') ?? textAt(clean, 'language'),
    draft: about['grade'] === 'draft',
    byPauses: textAt(clean, 'punctuation') === 'pauses',
    meanConfidence: numberAt(quality, 'meanConfidence'),
    speechShare: numberAt(quality, 'speechShare'),
    wordsPerMinute: numberAt(quality, 'wordsPerMinute'),
    ...text,
    speakers: [...new Set(text.paragraphs.flatMap(({ speaker }) => speaker ?? []))],
    words: Array.isArray(words) ? words : [],
    removed: new Set(objectsAt(clean, 'removed').flatMap((item) => numberAt(item, 'word') ?? [])),
  };
}

interface Text {
  readonly sentences: readonly Sentence[];
  readonly paragraphs: readonly Paragraph[];
}

function fromParagraphs(clean: Json): Text {
  const sentences: Sentence[] = [];
  const paragraphs: Paragraph[] = [];
  for (const item of objectsAt(clean, 'paragraphs')) {
    const first = sentences.length;
    for (const sentence of objectsAt(item, 'sentences')) {
      const read = readSentence(sentence);
      if (read !== null) sentences.push(read);
    }
    const [start, end] = [sentences[first]?.start, sentences.at(-1)?.end];
    if (start === undefined || end === undefined) continue;
    paragraphs.push({ start, end, speaker: textAt(item, 'speaker'), sentences: [first, sentences.length] });
  }
  return { sentences, paragraphs };
}

function fromSegments(root: Json | null): Text {
  const sentences = objectsAt(root, 'segments').flatMap((segment) => readSentence(segment) ?? []);
  const paragraphs = sentences.map(({ start, end }, i): Paragraph => {
    return { start, end, speaker: null, sentences: [i, i + 1] };
  });
  return { sentences, paragraphs };
}

function readSentence(json: Json): Sentence | null {
  const [start, text] = [numberAt(json, 'start'), textAt(json, 'text')];
  if (start === null || text === null) return null;
  const range: readonly unknown[] = Array.isArray(json['words']) ? json['words'] : [];
  const [first, end] = range;
  const words = typeof first === 'number' && typeof end === 'number' ? ([first, end] as const) : ([0, 0] as const);
  return { start, end: Math.max(start, numberAt(json, 'end') ?? start), text, words };
}

/** The sentence that is spoken at this time, or the last before it; -1 before the first. */
export function sentenceAt(sentences: readonly Sentence[], seconds: number): number {
  let [low, high] = [0, sentences.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    // Seeking to its start lands a little before it in some browsers.
    if ((sentences[middle]?.start ?? 0) <= seconds + 0.05) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** The sentence with what the engine was not sure of. Cleaning only leaves fillers out; where it did more, nothing is marked. */
export function piecesOf(sentence: Sentence, { words, removed }: Pick<Transcript, 'words' | 'removed'>): Piece[] {
  const [first, end] = sentence.words;
  const kept: (number | null)[] = [];
  for (let at = first; at < end; at += 1) if (!removed.has(at)) kept.push(confidenceAt(words, at));
  const spoken = sentence.text.split(' ');
  if (spoken.length !== kept.length) return [{ text: sentence.text, confidence: null }];
  const pieces: Piece[] = [];
  let plain = '';
  for (const [i, text] of spoken.entries()) {
    const confidence = kept[i] ?? null;
    const space = i === spoken.length - 1 ? '' : ' ';
    if (confidence === null || confidence >= doubtBelow) plain += text + space;
    else {
      if (plain !== '') pieces.push({ text: plain, confidence: null });
      pieces.push({ text, confidence });
      plain = space;
    }
  }
  if (plain !== '') pieces.push({ text: plain, confidence: null });
  return pieces;
}

function confidenceAt(words: readonly unknown[], at: number): number | null {
  return numberAt(asObject(words[at]), 'confidence');
}

/** `S2` → `Speaker 2`; names that somebody gave stay. */
export function speakerName(speaker: string): string {
  const number = /^S(\d+)$/.exec(speaker)?.[1];
  return number === undefined ? speaker : `Speaker ${number}`;
}

export const voices = [1, 2, 3, 4, 5, 6, 7, 8] as const;
export type Voice = (typeof voices)[number];

/** Which colour somebody's words have: each of the first eight its own, then these again. */
export function voiceOf({ speakers }: Pick<Transcript, 'speakers'>, speaker: string | null): Voice {
  const place = speaker === null ? 0 : speakers.indexOf(speaker);
  return voices[Math.max(0, place) % voices.length] ?? 1;
}

/** Part of a transcript that is drawn together or not at all. */
export interface Group {
  /** Paragraphs, first and one after the last. */
  readonly paragraphs: readonly [number, number];
  readonly sentences: readonly [number, number];
  readonly characters: number;
}

const groupCharacters = 1_600;
const groupParagraphs = 24;

export function groupsOf({ sentences, paragraphs }: Pick<Transcript, 'sentences' | 'paragraphs'>): Group[] {
  const groups: Group[] = [];
  for (const [i, { sentences: range }] of paragraphs.entries()) {
    let characters = 0;
    for (let at = range[0]; at < range[1]; at += 1) characters += sentences[at]?.text.length ?? 0;
    const last = groups.at(-1);
    const count = last === undefined ? 0 : last.paragraphs[1] - last.paragraphs[0];
    if (last !== undefined && last.characters + characters <= groupCharacters && count < groupParagraphs) {
      groups[groups.length - 1] = {
        paragraphs: [last.paragraphs[0], i + 1],
        sentences: [last.sentences[0], range[1]],
        characters: last.characters + characters,
      };
    } else groups.push({ paragraphs: [i, i + 1], sentences: range, characters });
  }
  return groups;
}

/** The group that has a sentence; -1 for none. */
export function groupWith(groups: readonly Group[], sentence: number): number {
  return groups.findIndex(({ sentences: [first, end] }) => sentence >= first && sentence < end);
}
