/** All that is known about a film or a sound over its time, for the timeline. Pure. */

import { formatTimecode } from '../format/format.ts';
import type { Analytic, Passage, Shot, Transition } from './analytic.ts';
import { shotAt } from './analytic.ts';
import type { QuickPicture } from './asset-view.ts';
import type { ScreenText } from './screen-text.ts';
import { pictureAt, type StoryboardPicture } from './storyboard.ts';
import { sentenceAt, speakerName, type Transcript, type Voice, voiceOf } from './transcript.ts';
import type { Waveform } from './waveform.ts';

export interface Span {
  /** Seconds. */
  readonly start: number;
  readonly end: number;
}

export interface StripPart extends Span {
  readonly pictureUrl: string | null;
  /** `#rrggbb` */
  readonly colour: string | null;
}

export type LaneKind = `speech-${Voice}` | 'text' | Passage['kind'];

/** Stretches of one kind; lanes of one row do not overlap by nature. */
export interface Lane {
  readonly kind: LaneKind;
  readonly row: number;
  readonly words: string;
  readonly spans: readonly Span[];
}

export const laneRows = 3;

export interface Film {
  readonly durationSeconds: number;
  /** Shots, or until they are known the first pictures. Empty for a sound. */
  readonly strip: readonly StripPart[];
  readonly shots: readonly Shot[];
  readonly transitions: readonly Transition[];
  readonly waveform: Waveform | null;
  /** 0 … 1 in even steps: where there is no waveform. */
  readonly loudness: readonly number[];
  readonly lanes: readonly Lane[];
  readonly storyboard: readonly StoryboardPicture[];
  readonly transcript: Transcript | null;
  readonly screenText: readonly ScreenText[];
}

export interface FilmParts {
  readonly declaredSeconds: number;
  readonly analytic: Analytic | null;
  readonly quickPictures: readonly QuickPicture[];
  readonly pictureUrls: ReadonlyMap<string, string>;
  readonly waveform: Waveform | null;
  readonly storyboard: readonly StoryboardPicture[] | null;
  readonly transcript: Transcript | null;
  readonly screenText: readonly ScreenText[] | null;
}

export function filmOf(parts: FilmParts): Film {
  const { analytic, waveform, transcript } = parts;
  const shots = analytic?.shots ?? [];
  const durationSeconds = analytic?.durationSeconds || parts.declaredSeconds || waveform?.seconds || 0;
  const screenText = parts.screenText ?? [];
  return {
    durationSeconds,
    strip: shots.length > 0 ? shots.map((shot) => partOf(shot, parts.pictureUrls)) : quickStrip(parts, durationSeconds),
    shots,
    transitions: shots.flatMap(({ transition }) => transition ?? []),
    waveform,
    loudness: analytic?.loudness ?? [],
    lanes: [...speechLanes(transcript), ...passageLanes(analytic), ...textLane(screenText)],
    storyboard: parts.storyboard ?? [],
    transcript,
    screenText,
  };
}

function partOf({ start, end, keyframe, colour }: Shot, urls: ReadonlyMap<string, string>): StripPart {
  return { start, end, colour, pictureUrl: keyframe === null ? null : (urls.get(keyframe) ?? null) };
}

/** Each stands until the next. */
function quickStrip({ quickPictures }: FilmParts, durationSeconds: number): StripPart[] {
  const pictures = quickPictures.toSorted((a, b) => a.time - b.time);
  return pictures.flatMap(({ time, url }, i) => {
    const [start, end] = [i === 0 ? 0 : time, pictures[i + 1]?.time ?? durationSeconds];
    return end > start ? [{ start, end, colour: null, pictureUrl: url }] : [];
  });
}

function speechLanes(transcript: Transcript | null): Lane[] {
  if (transcript === null) return [];
  const bySpeaker = Map.groupBy(transcript.paragraphs, ({ speaker }) => speaker);
  const speakers = [...bySpeaker.keys()].toSorted((a, b) => place(transcript, a) - place(transcript, b));
  return speakers.map((speaker) => ({
    kind: `speech-${voiceOf(transcript, speaker)}`,
    row: 0,
    words: speaker === null ? 'Speech' : speakerName(speaker),
    spans: bySpeaker.get(speaker) ?? [],
  }));
}

/** Words of nobody in particular come first. */
function place({ speakers }: Transcript, speaker: string | null): number {
  return speaker === null ? -1 : speakers.indexOf(speaker);
}

const passageWords: Readonly<Record<Passage['kind'], string>> = {
  silent: 'Silence',
  black: 'Black picture',
  frozen: 'Picture stands still',
};

function passageLanes(analytic: Analytic | null): Lane[] {
  return (['silent', 'black', 'frozen'] as const).flatMap((kind) => {
    const spans = (analytic?.passages ?? []).filter((passage) => passage.kind === kind);
    return spans.length === 0 ? [] : [{ kind, row: kind === 'silent' ? 1 : 2, words: passageWords[kind], spans }];
  });
}

function textLane(screenText: readonly ScreenText[]): Lane[] {
  return screenText.length === 0 ? [] : [{ kind: 'text', row: 1, words: 'Text in the picture', spans: screenText }];
}

// Of a thousand: what is shorter would not be seen.
const leastWidth = 2.5;
export const laneWidth = 1_000;

/** All stretches of a lane as one outline, in a box of `laneWidth` by `laneRows`: thousands of them cost one element. */
export function lanePath({ spans, row }: Lane, durationSeconds: number): string {
  const scale = laneWidth / durationSeconds;
  return spans
    .map(({ start, end }) => {
      const from = Math.min(start * scale, laneWidth - leastWidth);
      const width = Math.max(leastWidth, Math.min(end * scale, laneWidth) - from);
      return `M${from.toFixed(1)} ${(row + 0.14).toFixed(2)}h${width.toFixed(1)}v0.72h-${width.toFixed(1)}z`;
    })
    .join('');
}

export interface Place {
  readonly time: string;
  /** What is there, in a few words. */
  readonly facts: readonly string[];
  readonly said: string | null;
  readonly picture: StoryboardPicture | null;
}

/** What is at a time, for the preview and for screen readers. */
export function placeAt(film: Film, seconds: number): Place {
  const within = (span: Span) => seconds >= span.start && seconds < span.end;
  const shot = shotAt(film.shots, seconds);
  const fade = film.transitions.find(within);
  const lanes = film.lanes.filter(({ row, kind, spans }) => row > 0 && kind !== 'text' && spans.some(within));
  const text = film.screenText.find(within);
  const sentence = film.transcript?.sentences[sentenceAt(film.transcript.sentences, seconds)];
  return {
    time: formatTimecode(seconds),
    facts: [
      ...(shot === null ? [] : [`Shot ${shot.number} of ${film.shots.length}`]),
      ...(fade === undefined ? [] : [fade.kind === 'fade' ? 'Fade' : 'Dissolve']),
      ...lanes.map(({ words }) => words),
      ...(text === undefined ? [] : [`“${text.text}”`]),
    ],
    said: sentence !== undefined && seconds < sentence.end + 0.5 ? sentence.text : null,
    picture: pictureAt(film.storyboard, seconds),
  };
}

/** Seconds that an arrow key goes. */
export function keyStep(durationSeconds: number): number {
  return durationSeconds < 90 ? 1 : 5;
}

/** Start of the next shot, or of the one before; without shots a tenth of the whole. */
export function shotStep({ shots, durationSeconds }: Film, seconds: number, direction: 1 | -1): number {
  if (shots.length < 2) return seconds + (direction * durationSeconds) / 10;
  const starts = shots.map(({ start }) => start);
  return direction === 1
    ? (starts.find((start) => start > seconds + 0.05) ?? durationSeconds)
    : // Within the first moment of a shot the one before is meant.
      (starts.findLast((start) => start < seconds - 0.5) ?? 0);
}
