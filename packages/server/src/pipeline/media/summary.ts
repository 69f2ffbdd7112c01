/**
 * A summary in words: measured facts, and, where there are any, the file's own words: sentences that were said, text that was read. It says
 * how it was made and lists what is not known. Nothing is guessed. Pure.
 */
import type { ChatSummary } from '../text/chat-summary.ts';
import { type Extract, type SaidSentence, type ScreenText, type Speech, shortened } from '../text/extract.ts';
import type { Analysis, Interval, Shot } from './analysis.ts';
import { framesPerSecond, shownSize } from './media-info.ts';
import {
  brightnessWord,
  durationWords,
  loudnessWord,
  motionWord,
  paceWord,
  percent,
  plural,
  timecode,
} from './words.ts';

export interface SceneSummary extends Interval {
  readonly index: number;
  readonly keyframe: string | null;
  /** Words for what was measured, for filters and lists. */
  readonly traits: readonly string[];
  readonly text: string;
  /** The beginning of what is said in it; null when nothing is. */
  readonly said: string | null;
  /** Lines that were read in its picture. */
  readonly onScreen: readonly string[];
}

/** What other steps found out; each may be missing. */
export interface Material {
  readonly speech: Speech | null;
  readonly screen: readonly ScreenText[];
  readonly extract: Extract;
  readonly chat: ChatSummary | null;
  /** Sentences about what is not known, and why. */
  readonly notKnown: readonly string[];
}

export interface Summary {
  readonly kind: 'holdfast.summary';
  readonly schemaVersion: 1;
  /**
   * `facts`: put together from measurements. `extractive`: with sentences and phrases of the file itself. `chat`: written by the language
   * model that `chat` names.
   */
  readonly method: 'facts' | 'extractive' | 'chat';
  readonly asset: Analysis['asset'];
  readonly text: string;
  readonly scenes: readonly SceneSummary[];
  readonly highlights: {
    readonly longestShot: number | null;
    readonly liveliestShot: number | null;
    readonly loudestShot: number | null;
  };
  /** What is said, in its own words; null when nothing was recognised. */
  readonly speech: {
    readonly language: string | null;
    readonly grade: 'draft' | 'full';
    readonly sentences: readonly SaidSentence[];
  } | null;
  readonly keyPhrases: readonly string[];
  /** The largest line of the first picture with text. */
  readonly onScreenTitle: string | null;
  readonly chat: Omit<ChatSummary, 'summary' | 'keyPhrases'> | null;
  readonly notKnown: readonly string[];
  readonly warnings: Analysis['warnings'];
}

export function summarize(analysis: Analysis, material: Material): Summary {
  const shots = analysis.video?.shots ?? [];
  const { speech, extract, chat } = material;
  const said = saidIn(shots, speech);
  const screen = new Map(material.screen.toReversed().map((picture) => [picture.shot, picture]));
  return {
    kind: 'holdfast.summary',
    schemaVersion: 1,
    method: methodOf(material),
    asset: analysis.asset,
    text: [...(chat ? [chat.summary] : []), overview(analysis), ...(chat ? [] : ownWords(material))].join(' '),
    scenes: shots.map((shot, at) =>
      scene(shot, analysis, { said: said[at] ?? [], screen: screen.get(shot.index) ?? null }),
    ),
    highlights: {
      longestShot: indexOfMost(shots, (shot) => shot.duration),
      liveliestShot: indexOfMost(shots, (shot) => shot.motion),
      loudestShot: indexOfMost(shots, (shot) => shot.loudness ?? Number.NEGATIVE_INFINITY),
    },
    speech: speech === null ? null : { language: speech.language, grade: speech.grade, sentences: extract.sentences },
    keyPhrases: chat?.keyPhrases ?? extract.keyPhrases,
    onScreenTitle: extract.title,
    chat: chat === null ? null : withoutTexts(chat),
    notKnown: material.notKnown,
    warnings: analysis.warnings,
  };
}

function methodOf({ chat, speech, screen }: Material): Summary['method'] {
  if (chat !== null) return 'chat';
  return speech !== null || screen.length > 0 ? 'extractive' : 'facts';
}

function withoutTexts({ summary: _summary, keyPhrases: _phrases, ...rest }: ChatSummary): Summary['chat'] {
  return rest;
}

/** Marked as the file's own words, because a recogniser may have got them wrong and because they may say anything. */
function ownWords({ speech, extract }: Material): string[] {
  const out: string[] = [];
  if (speech !== null && extract.sentences.length > 0) {
    const [by, quotes] = [
      speech.grade === 'draft' ? 'in a machine draft' : 'by machine transcript',
      extract.sentences.map(({ start, text }) => `“${shortened(text, 240)}” (${timecode(start)})`),
    ];
    out.push(`What is said, ${by}, in sentences picked from it: ${quotes.join(' ')}.`);
  }
  if (extract.keyPhrases.length > 0) out.push(`Key phrases: ${extract.keyPhrases.join(', ')}.`);
  if (extract.title !== null) out.push(`Text in the picture begins with “${extract.title}”.`);
  return out;
}

function overview(analysis: Analysis): string {
  const sentences = [opening(analysis), ...pictureSentences(analysis), ...soundSentences(analysis)];
  for (const warning of analysis.warnings) {
    if (warning.code === 'decoded-shorter-than-declared' || warning.code === 'analysis-cut-off')
      sentences.push(warning.message);
  }
  return sentences.join(' ');
}

function opening({ media, decoded }: Analysis): string {
  const duration = durationWords(decoded.seconds);
  if (!media.video) return `Sound without a picture, ${duration} long (${media.audio?.codec ?? 'unknown codec'}).`;
  const { width, height } = shownSize(media.video);
  const fps = framesPerSecond(media.video.averageFrameRate);
  const rate = fps === null ? '' : ` at ${Math.round(fps * 100) / 100} frames per second`;
  const sound = media.audio ? 'with sound' : 'without sound';
  return `Video of ${duration}, ${width}×${height}${rate}, ${sound}.`;
}

function pictureSentences({ video, decoded }: Analysis): string[] {
  if (!video || video.shots.length === 0) return [];
  const { shots } = video;
  const out: string[] = [];
  if (shots.length === 1) out.push('It is one shot without cuts.');
  else {
    out.push(
      `It has ${plural(shots.length, 'shot')} of ${durationWords(video.shotSecondsMean)} on average: ${paceWord(video.shotSecondsMean)} cutting (${video.cutsPerMinute} cuts per minute).`,
    );
  }
  const mean = (of: (shot: Shot) => number) => weighed(shots, of);
  const still = shots.filter((shot) => shot.static).reduce((sum, shot) => sum + shot.duration, 0);
  const motion = mean((shot) => shot.motion);
  out.push(
    `The picture is ${brightnessWord(mean((shot) => shot.brightness))} with ${motionWord(motion).replace(/^still$/, 'hardly any motion')}.`,
  );
  if (still > 0 && decoded.seconds > 0)
    out.push(`It stands still for ${percent(still / decoded.seconds)} of the time.`);
  out.push(...spans('The picture is black', video.black));
  return out;
}

function soundSentences({ audio, decoded }: Analysis): string[] {
  if (!audio) return [];
  const out: string[] = [];
  if (audio.integratedLufs === null) out.push('The sound track is silent or too short to measure its loudness.');
  else out.push(`The sound is ${loudnessWord(audio.integratedLufs)} (${audio.integratedLufs} LUFS).`);
  if (audio.silentSeconds !== null && audio.silentSeconds > 0 && decoded.seconds > 0) {
    out.push(`It is silent for ${percent(audio.silentSeconds / decoded.seconds)} of the time.`);
  }
  const { lufs, stepSeconds } = audio.loudness;
  const loudest = indexOf(lufs);
  if (loudest !== null && audio.integratedLufs !== null && lufs.length > 1)
    out.push(`It is loudest at ${timecode(loudest * stepSeconds)}.`);
  return out;
}

function spans(words: string, intervals: readonly Interval[] | null): string[] {
  if (!intervals || intervals.length === 0) return [];
  const shown = intervals.slice(0, 3).map(({ start, end }) => `${timecode(start)} for ${durationWords(end - start)}`);
  const more = intervals.length > 3 ? ` and ${intervals.length - 3} more times` : '';
  return [`${words} at ${shown.join(', ')}${more}.`];
}

/** What is said and read in one shot. */
interface Words {
  readonly said: readonly string[];
  readonly screen: ScreenText | null;
}

function scene(shot: Shot, analysis: Analysis, { said, screen }: Words): SceneSummary {
  const colour = shot.dominantColour.share >= 0.4 ? `mostly ${shot.dominantColour.name}` : 'no single colour prevails';
  const traits = [brightnessWord(shot.brightness), motionWord(shot.motion), colour];
  if (analysis.audio) traits.push(loudnessWord(shot.loudness));
  const black = overlaps(shot, analysis.video?.black ?? []);
  if (black) traits.push('has black');
  const place = `${timecode(shot.start)}–${timecode(shot.end)}`;
  return {
    index: shot.index,
    start: shot.start,
    end: shot.end,
    keyframe: shot.keyframe,
    traits,
    text: `Shot ${shot.index} (${place}, ${durationWords(shot.duration)}): ${traits.join(', ')}.`,
    said: said.length === 0 ? null : shortened(said.join(' '), 300),
    onScreen: (screen?.lines ?? []).slice(0, 20).map(({ text }) => text),
  };
}

/** Sentences by the shot in which their middle is. Shots follow each other; there may be thousands of both. */
function saidIn(shots: readonly Shot[], speech: Speech | null): string[][] {
  const said = shots.map((): string[] => []);
  for (const { sentences } of speech?.paragraphs ?? [])
    for (const { start, end, text } of sentences) {
      const middle = (start + end) / 2;
      const at = lastFrom(shots, middle);
      if (middle < (shots[at]?.end ?? 0)) said[at]?.push(text);
    }
  return said;
}

/** Index of the last shot that begins by then; -1 before the first. */
function lastFrom(shots: readonly Shot[], seconds: number): number {
  let [low, high] = [0, shots.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((shots[middle]?.start ?? 0) <= seconds) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

function overlaps(shot: Shot, intervals: readonly Interval[]): boolean {
  return intervals.some(({ start, end }) => start < shot.end && end > shot.start);
}

export function weighed(shots: readonly Shot[], of: (shot: Shot) => number): number {
  const seconds = shots.reduce((sum, shot) => sum + shot.duration, 0);
  return seconds === 0 ? 0 : shots.reduce((sum, shot) => sum + of(shot) * shot.duration, 0) / seconds;
}

function indexOfMost(shots: readonly Shot[], of: (shot: Shot) => number): number | null {
  const at = indexOf(shots.map(of));
  return at === null ? null : (shots[at]?.index ?? null);
}

/** Index of the largest finite number. */
function indexOf(values: readonly number[]): number | null {
  let best: number | null = null;
  values.forEach((value, at) => {
    if (Number.isFinite(value) && (best === null || value > (values[best] ?? 0))) best = at;
  });
  return best;
}
