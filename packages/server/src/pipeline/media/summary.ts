/**
 * A summary in words, made from measured facts only: it says what can be measured and lists what is not known. Nothing is guessed. Pure.
 */
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
}

export interface Summary {
  readonly kind: 'holdfast.summary';
  readonly schemaVersion: 1;
  /** `facts`: put together from measurements, not written by a language model. */
  readonly method: 'facts';
  readonly asset: Analysis['asset'];
  readonly text: string;
  readonly scenes: readonly SceneSummary[];
  readonly highlights: {
    readonly longestShot: number | null;
    readonly liveliestShot: number | null;
    readonly loudestShot: number | null;
  };
  readonly notKnown: readonly string[];
  readonly warnings: Analysis['warnings'];
}

export const notKnown = [
  'What is said: this version has no speech recognition.',
  'Who or what is seen: pictures are measured, not recognised.',
  'Text in the picture: it is not read.',
] as const;

export function summarize(analysis: Analysis): Summary {
  const shots = analysis.video?.shots ?? [];
  return {
    kind: 'holdfast.summary',
    schemaVersion: 1,
    method: 'facts',
    asset: analysis.asset,
    text: overview(analysis),
    scenes: shots.map((shot) => scene(shot, analysis)),
    highlights: {
      longestShot: indexOfMost(shots, (shot) => shot.duration),
      liveliestShot: indexOfMost(shots, (shot) => shot.motion),
      loudestShot: indexOfMost(shots, (shot) => shot.loudness ?? Number.NEGATIVE_INFINITY),
    },
    notKnown,
    warnings: analysis.warnings,
  };
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
  if (video.cuts === 0) out.push('It is one shot without cuts.');
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

function scene(shot: Shot, analysis: Analysis): SceneSummary {
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
  };
}

function overlaps(shot: Shot, intervals: readonly Interval[]): boolean {
  return intervals.some(({ start, end }) => start < shot.end && end > shot.start);
}

function weighed(shots: readonly Shot[], of: (shot: Shot) => number): number {
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

/** One sentence about what was measured; the title is the file's own and marked as such. */
export function logline(analysis: Analysis): string {
  const { media, video, audio, decoded } = analysis;
  const facts: string[] = [];
  if (video) {
    facts.push(
      video.cuts === 0
        ? 'one shot'
        : `${plural(video.shots.length, 'shot')} (${paceWord(video.shotSecondsMean)} cutting)`,
    );
    const mean = weighed(video.shots, (shot) => shot.motion);
    facts.push(`${brightnessWord(weighed(video.shots, (shot) => shot.brightness))}, ${motionWord(mean)}`);
  }
  if (audio) {
    const silent = (audio.silentSeconds ?? 0) / Math.max(decoded.seconds, 0.001);
    facts.push(audio.integratedLufs === null ? 'silent sound track' : `sound ${loudnessWord(audio.integratedLufs)}`);
    if (silent > 0.05 && audio.integratedLufs !== null) facts.push(`silent for ${percent(silent)} of it`);
  } else facts.push('no sound');
  const title = media.title === null ? '' : ` titled “${media.title.replace(/\s+/g, ' ').trim()}” by its file`;
  const duration = durationWords(decoded.seconds);
  return `${video ? 'A video' : 'A sound recording'}${title} of ${duration}: ${facts.join('; ')}; its content was measured, not understood.`;
}
