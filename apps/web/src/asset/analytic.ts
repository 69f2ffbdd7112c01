/**
 * `<name>.analytic.json` as the page needs it: shots to click on, a curve of the loudness, places that stand out, facts. Pure.
 * The file may come from somebody's own scan step, so every field is checked.
 */
import { formatTimecode } from '../format/format.ts';
import { asObject, type Json, numberAt, objectAt, objectsAt, textAt } from './json-reader.ts';

export interface Shot {
  /** 1, 2, 3 … */
  readonly number: number;
  /** Seconds. */
  readonly start: number;
  readonly end: number;
  /** Name of the artifact with its picture. */
  readonly keyframe: string | null;
  /** `#rrggbb` */
  readonly colour: string | null;
  /** `dark`, `still`, `blue` … */
  readonly traits: readonly string[];
  /** How it begins where that is no hard cut. */
  readonly transition: Transition | null;
}

export interface Transition {
  readonly kind: 'fade' | 'dissolve';
  readonly start: number;
  readonly end: number;
}

export interface Passage {
  readonly kind: 'silent' | 'black' | 'frozen';
  readonly start: number;
  readonly end: number;
}

export interface Fact {
  readonly label: string;
  readonly value: string;
}

export interface Analytic {
  readonly durationSeconds: number;
  readonly shots: readonly Shot[];
  readonly passages: readonly Passage[];
  /** 0 … 1 in even steps over the whole length; empty without sound. */
  readonly loudness: readonly number[];
  readonly facts: readonly Fact[];
  readonly warnings: readonly string[];
}

/** Null when this is no analysis at all. */
export function readAnalytic(json: unknown): Analytic | null {
  const root = asObject(json);
  if (root === null) return null;
  const [media, video, audio] = [objectAt(root, 'media'), objectAt(root, 'video'), objectAt(root, 'audio')];
  const shots = objectsAt(video, 'shots')
    .map(readShot)
    .filter((shot) => shot !== null);
  const declared = numberAt(objectAt(root, 'decoded'), 'seconds') ?? numberAt(media, 'durationSeconds');
  const durationSeconds = declared ?? shots.at(-1)?.end ?? 0;
  if (media === null && video === null && audio === null) return null;
  return {
    durationSeconds,
    shots,
    passages: [
      ...passages(audio, 'silences', 'silent'),
      ...passages(video, 'black', 'black'),
      ...passages(video, 'frozen', 'frozen'),
    ],
    loudness: readLoudness(objectAt(audio, 'loudness')),
    facts: [...pictureFacts(media, video), ...soundFacts(media, audio)],
    warnings: objectsAt(root, 'warnings')
      .map((warning) => textAt(warning, 'message'))
      .filter((text) => text !== null),
  };
}

/** The shot that is on at this time. */
export function shotAt(shots: readonly Shot[], seconds: number): Shot | null {
  return shots.findLast((shot) => shot.start <= seconds + 0.01) ?? shots[0] ?? null;
}

function readShot(json: Json, position: number): Shot | null {
  const [start, end] = [numberAt(json, 'start'), numberAt(json, 'end')];
  if (start === null || end === null || end <= start) return null;
  const colour = objectAt(json, 'dominantColour');
  const hex = textAt(colour, 'hex');
  const traits = [
    textAt(colour, 'name'),
    json['dark'] === true ? 'dark' : null,
    json['static'] === true ? 'still' : null,
  ].filter((trait) => trait !== null);
  return {
    number: numberAt(json, 'index') ?? position + 1,
    start,
    end,
    keyframe: textAt(json, 'keyframe'),
    colour: hex !== null && /^#[0-9a-f]{6}$/i.test(hex) ? hex : null,
    traits,
    transition: readTransition(objectAt(json, 'transition')),
  };
}

function readTransition(json: Json | null): Transition | null {
  const [kind, start, end] = [textAt(json, 'kind'), numberAt(json, 'start'), numberAt(json, 'end')];
  if ((kind !== 'fade' && kind !== 'dissolve') || start === null || end === null || end <= start) return null;
  return { kind, start, end };
}

function passages(parent: Json | null, key: string, kind: Passage['kind']): Passage[] {
  return objectsAt(parent, key).flatMap((item) => {
    const [start, end] = [numberAt(item, 'start'), numberAt(item, 'end')];
    return start === null || end === null || end <= start ? [] : [{ kind, start, end }];
  });
}

// What counts as nothing and as all on the curve: below -60 LUFS is silence to people, above -6 is as loud as films get.
const [quietLufs, loudLufs] = [-60, -6];

function readLoudness(json: Json | null): number[] {
  const lufs = json?.['lufs'];
  if (!Array.isArray(lufs)) return [];
  return lufs.map((value: unknown) =>
    typeof value === 'number' ? Math.min(1, Math.max(0, (value - quietLufs) / (loudLufs - quietLufs))) : 0,
  );
}

/** At most `count` values, each the loudest of those it stands for. */
export function peaks(values: readonly number[], count: number): number[] {
  if (values.length <= count) return [...values];
  return Array.from({ length: count }, (_, i) => {
    const from = Math.floor((i * values.length) / count);
    const to = Math.max(from + 1, Math.floor(((i + 1) * values.length) / count));
    return Math.max(...values.slice(from, to));
  });
}

function pictureFacts(media: Json | null, video: Json | null): Fact[] {
  const stream = objectAt(media, 'video');
  const rate = objectAt(stream, 'averageFrameRate');
  const [width, height] = shownSize(stream);
  const [numerator, denominator] = [numberAt(rate, 'numerator'), numberAt(rate, 'denominator')];
  const median = numberAt(video, 'shotSecondsMedian');
  return facts({
    Picture: width > 0 && height > 0 ? `${width} × ${height}` : null,
    'Frame rate': numerator !== null && denominator ? `${Number((numerator / denominator).toFixed(2))} fps` : null,
    'Video codec': codecOf(stream),
    Shots: shotsFact(objectsAt(video, 'shots').length, median),
  });
}

function soundFacts(media: Json | null, audio: Json | null): Fact[] {
  const stream = objectAt(media, 'audio');
  const [lufs, peak] = [numberAt(audio, 'integratedLufs'), numberAt(audio, 'samplePeakDbfs')];
  const silent = numberAt(audio, 'silentSeconds');
  const rate = numberAt(stream, 'sampleRate');
  const channels = numberAt(stream, 'channels');
  const sound = [
    codecOf(stream),
    rate === null ? null : `${Number((rate / 1000).toFixed(1))} kHz`,
    channelWord(channels),
  ];
  return facts({
    Sound: sound.filter((part) => part !== null).join(', ') || null,
    Loudness: lufs === null ? null : `${signed(lufs)} LUFS`,
    Peak: peak === null ? null : `${signed(peak)} dBFS`,
    Silence: silent === null || silent < 1 ? null : formatTimecode(silent),
    Language: textAt(stream, 'language') === 'und' ? null : textAt(stream, 'language'),
  });
}

function facts(values: Readonly<Record<string, string | null>>): Fact[] {
  return Object.entries(values).flatMap(([label, value]) => (value === null ? [] : [{ label, value }]));
}

function shownSize(stream: Json | null): [number, number] {
  const aspect = objectAt(stream, 'sampleAspect');
  const wide = (numberAt(aspect, 'numerator') ?? 1) / (numberAt(aspect, 'denominator') ?? 1);
  const [width, height] = [Math.round((numberAt(stream, 'width') ?? 0) * wide), numberAt(stream, 'height') ?? 0];
  const turned = (numberAt(stream, 'rotation') ?? 0) % 180 === 90;
  return turned ? [height, width] : [width, height];
}

function shotsFact(count: number, medianSeconds: number | null): string | null {
  if (count === 0) return null;
  return count > 1 && medianSeconds !== null ? `${count}, median ${medianSeconds.toFixed(1)} s` : String(count);
}

const codecNames: Readonly<Record<string, string>> = {
  h264: 'H.264',
  hevc: 'HEVC',
  av1: 'AV1',
  vp8: 'VP8',
  vp9: 'VP9',
  mpeg4: 'MPEG-4',
  prores: 'ProRes',
  aac: 'AAC',
  mp3: 'MP3',
  opus: 'Opus',
  vorbis: 'Vorbis',
  flac: 'FLAC',
};

function codecOf(stream: Json | null): string | null {
  const codec = textAt(stream, 'codec');
  return codec === null ? null : (codecNames[codec] ?? codec);
}

/** With a real minus. */
function signed(value: number): string {
  return value.toFixed(1).replace('-', '\u2212');
}

function channelWord(channels: number | null): string | null {
  if (channels === null) return null;
  return channels === 1 ? 'mono' : channels === 2 ? 'stereo' : `${channels} channels`;
}
