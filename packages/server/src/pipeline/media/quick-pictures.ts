/**
 * Pictures from all over a file within seconds: one keyframe each at a few places, found through the file's index, each by a short run of
 * ffmpeg of its own, so that one damaged place costs one picture. A file that does not say how long it lasts is read from its start,
 * keyframes only.
 */
import type { Clock } from '../../core/ports/clock.ts';
import { PermanentStepError } from '../context.ts';
import { rounded } from './analysis.ts';
import { FenceError, type OutputPipe } from './fence.ts';
import { guardedInput } from './input-guard.ts';
import { JpegFrames } from './jpeg-frames.ts';
import { hasTimes, type MediaInfo, playingSeconds, type VideoStream } from './media-info.ts';
import { type MetadataEvent, MetadataLines } from './metadata-lines.ts';
import { fitWithin, jpegsTo, printEach, printMarked } from './picture-filters.ts';
import { passthrough, quietly, runTool } from './tool-run.ts';
import type { ReadyTools } from './tools.ts';

export interface QuickRequest {
  readonly tools: ReadyTools;
  readonly file: string;
  readonly media: MediaInfo;
  readonly rules: { readonly picturesMax: number; readonly picturePixels: number; readonly secondsMax: number };
  readonly signal: AbortSignal;
  readonly clock: Clock;
  progress(fraction: number): void;
}

export interface QuickPicture {
  /** Seconds from the file's start, exact. */
  readonly time: number;
  readonly jpeg: Buffer;
  /** How much there is to see, 0 … 1: the spread of brightness, next to nothing for black, white and plain slates. */
  readonly detail: number;
}

const timePipe = 3;
const textBytesMax = 1024 * 1024;
const pictureBytesMax = 64 * 1024 * 1024;
/** Decoded seconds behind a place in which a keyframe must come. */
const lookSeconds = 30;
/** Between pictures of a file of unknown length. */
const spacingSeconds = 5;
/** Pictures closer than this are the same keyframe. */
const sameSeconds = 0.001;

/** In the order of time. @throws PermanentStepError when not one picture can be decoded, another error when there was no time for one */
export async function quickPictures(request: QuickRequest, video: VideoStream): Promise<QuickPicture[]> {
  const { media, rules, clock } = request;
  const until = clock.now() + rules.secondsMax * 1000;
  const found: QuickPicture[] = [];
  let late: FenceError | null = null;
  const look = async (place: number | null, keyframesOnly: boolean) => {
    const taken = await picturesAt(request, { video, place, keyframesOnly, until });
    found.push(...taken.pictures);
    late ??= taken.late;
  };
  const places = placesIn(playingSeconds(media), rules.picturesMax);
  // A picture without a time of its own gets it from those that are decoded behind it: left out, it would seem to come seconds later.
  const keyframesOnly = hasTimes(media);
  for (const [i, place] of places.entries()) {
    if (clock.now() >= until && found.length > 0) break;
    await look(place, keyframesOnly);
    request.progress((i + 1) / (places.length + 1));
  }
  // Some encoders mark no keyframes behind the first, or none at all.
  if (found.length === 0) await look(0, false);
  // A busy machine or a slow disk says nothing about the file.
  if (found.length === 0 && late !== null)
    throw new Error(`Not one picture was decoded within ${rules.secondsMax} s.`, { cause: late });
  if (found.length === 0) throw new PermanentStepError('Not one picture of the file can be decoded.');
  return distinct(found).slice(0, rules.picturesMax);
}

/** Middles of even parts; null for the whole file from its start. */
function placesIn(durationSeconds: number | null, count: number): (number | null)[] {
  if (durationSeconds === null) return [null];
  const parts = Math.max(1, Math.min(count, Math.ceil(durationSeconds)));
  return Array.from({ length: parts }, (_, i) => rounded(((i + 0.5) * durationSeconds) / parts));
}

interface Look {
  readonly video: VideoStream;
  readonly place: number | null;
  readonly keyframesOnly: boolean;
  /** Clock time at which it has to be over. */
  readonly until: number;
}

/** What can be decoded there; nothing when that fails. `late`: it was ended before it was through. */
async function picturesAt(
  request: QuickRequest,
  look: Look,
): Promise<{ readonly pictures: QuickPicture[]; readonly late: FenceError | null }> {
  const { tools, signal, clock, media } = request;
  const gathered = new Gathered(media.startSeconds);
  try {
    await runTool({
      tools,
      program: 'ffmpeg',
      args: argumentsFor(request, look),
      signal,
      clock,
      timeoutMs: Math.max(2_000, look.until - clock.now()),
      outputs: gathered.outputs,
    });
  } catch (error) {
    // A place that takes too long is left out; what came until then is kept.
    if (!(error instanceof FenceError) || error.kind !== 'timeout') throw error;
    return { pictures: gathered.pictures, late: error };
  }
  return { pictures: gathered.pictures, late: null };
}

function argumentsFor({ tools, file, rules }: QuickRequest, { video, place, keyframesOnly }: Look): string[] {
  const filters = [
    place === null ? `select='isnan(prev_selected_t)+gte(t-prev_selected_t,${spacingSeconds})'` : '',
    fitWithin(rules.picturePixels),
    'format=yuvj420p',
    tools.features.signalstats && tools.features.entropy ? 'signalstats,entropy' : '',
    tools.features.signalstats && tools.features.entropy
      ? printMarked('metadata', timePipe)
      : printEach('metadata', timePipe),
  ];
  return [
    ...quietly(tools),
    ...(keyframesOnly ? ['-skip_frame', 'nokey'] : []),
    ...(place === null ? [] : ['-noaccurate_seek', '-ss', String(place), '-t', String(lookSeconds)]),
    ...['-copyts', ...guardedInput(file), '-map', `0:${video.index}`, ...passthrough(tools)],
    ...['-vf', filters.filter((filter) => filter !== '').join(',')],
    ...['-frames:v', place === null ? String(rules.picturesMax) : '1', ...jpegsTo(1)],
  ];
}

/** Brings pictures and what was measured on them together. */
class Gathered {
  readonly outputs: readonly OutputPipe[];
  readonly #jpegs: Buffer[] = [];
  readonly #frames: { time: number; values: Map<string, number> }[] = [];

  constructor(startSeconds: number) {
    const jpegs = new JpegFrames((jpeg) => this.#jpegs.push(jpeg));
    const lines = new MetadataLines((event) => this.#note(event, startSeconds));
    this.outputs = [
      { fd: 1, bytesMax: pictureBytesMax, take: (chunk) => jpegs.push(chunk) },
      { fd: timePipe, bytesMax: textBytesMax, take: (chunk) => lines.push(chunk) },
    ];
  }

  get pictures(): QuickPicture[] {
    return this.#jpegs.flatMap((jpeg, i) => {
      const frame = this.#frames[i];
      if (!frame) return [];
      const time = Number.isFinite(frame.time) ? Math.max(0, frame.time) : 0;
      return [{ time: rounded(time), jpeg, detail: detailOf(frame.values) }];
    });
  }

  #note(event: MetadataEvent, startSeconds: number): void {
    if (event.kind === 'frame') this.#frames.push({ time: event.time - startSeconds, values: new Map() });
    else this.#frames.at(-1)?.values.set(event.key, event.value);
  }
}

/** Half from how many brightnesses occur, half from how far apart the dark and the bright tenth are. */
function detailOf(values: ReadonlyMap<string, number>): number {
  const at = (key: string) => values.get(key) ?? 0;
  const spread = (at('lavfi.signalstats.YHIGH') - at('lavfi.signalstats.YLOW')) / 255;
  const entropy = at('lavfi.entropy.normalized_entropy.normal.Y');
  const [mean, nearBlack, nearWhite] = [at('lavfi.signalstats.YAVG'), 24, 232];
  const lit = mean < nearBlack || mean > nearWhite ? 0.2 : 1;
  return rounded(Math.max(0, Math.min(1, ((entropy + Math.min(1, spread * 1.5)) / 2) * lit)), 3);
}

function distinct(pictures: readonly QuickPicture[]): QuickPicture[] {
  const sorted = [...pictures].sort((a, b) => a.time - b.time);
  return sorted.filter(({ time }, i) => i === 0 || time - (sorted[i - 1]?.time ?? 0) >= sameSeconds);
}

/**
 * The picture to show for the file: one with much to see, the earlier the better among those that are about as good; a black first frame, a
 * slate or a title on a plain ground is passed over. Index; null without pictures.
 */
export function posterOf(pictures: readonly { readonly detail: number }[]): number | null {
  const best = Math.max(...pictures.map(({ detail }) => detail));
  const at = pictures.findIndex(({ detail }) => detail >= best * 0.85);
  return at === -1 ? null : at;
}
