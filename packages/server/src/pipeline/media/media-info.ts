/** What ffprobe says about a file, read into facts that we rely on. Pure. */

/** A rational frame rate, as the container has it: 30000/1001. */
export interface FrameRate {
  readonly numerator: number;
  readonly denominator: number;
}

export interface VideoStream {
  readonly index: number;
  readonly codec: string;
  readonly profile: string | null;
  /** Pixels as stored. */
  readonly width: number;
  readonly height: number;
  /** How wide one of them is shown, in its heights: 64/45 on widescreen DVDs. Null: square, or not said. */
  readonly sampleAspect?: FrameRate | null;
  /** Degrees by which players turn the picture: 0, 90, 180, 270. */
  readonly rotation: number;
  readonly pixelFormat: string | null;
  /** ffmpeg's name of the transfer curve: `bt709`; `smpte2084` (PQ) and `arib-std-b67` (HLG) are HDR. */
  readonly colourTransfer: string | null;
  readonly averageFrameRate: FrameRate | null;
  /** Base rate and average differ by more than 1 %: times must be taken from frames, not counted. */
  readonly variableFrameRateHint: boolean;
  readonly durationSeconds: number | null;
  readonly bitrate: number | null;
}

export interface AudioStream {
  readonly index: number;
  readonly codec: string;
  readonly sampleRate: number | null;
  readonly channels: number | null;
  readonly channelLayout: string | null;
  readonly language: string | null;
  readonly durationSeconds: number | null;
  readonly bitrate: number | null;
}

export interface MediaInfo {
  /** ffmpeg's names of the container: `mov,mp4,m4a,3gp,3g2,mj2`. */
  readonly container: string;
  /** Major brand of ISO files: `isom`, `mp42`; `qt` is QuickTime. */
  readonly brand: string | null;
  /** What the file claims; the scan measures what can be decoded. Null when it does not say. */
  readonly durationSeconds: number | null;
  readonly startSeconds: number;
  readonly bitrate: number | null;
  readonly video: VideoStream | null;
  /** The one that players start with. */
  readonly audio: AudioStream | null;
  /** All sound tracks that can be decoded: languages, comments, microphones. */
  readonly audioTracks: readonly AudioStream[];
  readonly streams: readonly { readonly index: number; readonly type: string; readonly codec: string }[];
  readonly title: string | null;
  /** How sure ffmpeg is of the container, 0 … 100. */
  readonly probeScore: number;
}

type Json = Readonly<Record<string, unknown>>;

/** Codecs of pictures that stand alone. */
const stillCodecs = ['mjpeg', 'png', 'bmp', 'webp', 'tiff', 'jpeg2000', 'gif'];
/** A hostile file may claim thousands. */
const tracksMax = 32;
const streamsMax = 100;

/** Reads `ffprobe -of json -show_format -show_streams`; null when that is not what the text is. */
export function parseMediaInfo(text: string): MediaInfo | null {
  const root = asObject(parseJson(text));
  const format = asObject(root?.['format']);
  const streams = Array.isArray(root?.['streams']) ? root['streams'].map(asObject).filter((s) => s !== null) : [];
  if (!format) return null;
  const pictures = streams.filter((s) => s['codec_type'] === 'video' && !isCoverPicture(s) && usable(s));
  const video = pictures.find((s) => !isSlate(s)) ?? pictures[0];
  const sounds = streams.filter((s) => s['codec_type'] === 'audio' && usable(s));
  const audio = sounds.find((s) => asObject(s['disposition'])?.['default'] === 1) ?? sounds[0];
  return {
    container: textOf(format['format_name']) ?? 'unknown',
    brand: textOf(asObject(format['tags'])?.['major_brand'])?.trim().slice(0, 4) ?? null,
    durationSeconds: positive(format['duration']),
    startSeconds: numberOf(format['start_time']) ?? 0,
    bitrate: positive(format['bit_rate']),
    video: video ? videoStream(video) : null,
    audio: audio ? audioStream(audio) : null,
    audioTracks: sounds.slice(0, tracksMax).map(audioStream),
    streams: streams.slice(0, streamsMax).map((s) => ({
      index: numberOf(s['index']) ?? -1,
      type: textOf(s['codec_type']) ?? 'unknown',
      codec: textOf(s['codec_name']) ?? 'unknown',
    })),
    title: textOf(asObject(format['tags'])?.['title'])?.slice(0, 300) ?? null,
    probeScore: numberOf(format['probe_score']) ?? 0,
  };
}

/** Frames per second as a number. */
export function framesPerSecond(rate: FrameRate | null): number | null {
  return rate === null ? null : rate.numerator / rate.denominator;
}

/** Containers that say nothing of their length: what is known are the times within, which may jump. */
const lengthless = ['mpegts', 'mpeg'];

/**
 * How long picture and sound last by what the file says, in seconds. Subtitles, chapters and tracks that nobody looks at may go on for longer,
 * and Matroska may count from zero or from its start, so there can be several readings; none when the file does not say.
 */
export function claimedSeconds(media: MediaInfo): readonly number[] {
  const { container, durationSeconds, startSeconds, video, audio } = media;
  const names = container.split(',');
  if (durationSeconds === null || names.some((name) => lengthless.includes(name))) return [];
  const tracks = [video, audio].flatMap((track) => (track === null ? [] : [track.durationSeconds]));
  const known = tracks.flatMap((seconds) => seconds ?? []);
  const claims = [durationSeconds, ...(known.length === tracks.length ? [Math.max(...known)] : [])];
  const late = names.includes('matroska') && startSeconds > 0 ? claims.map((seconds) => seconds - startSeconds) : [];
  return [...claims, ...late].filter((seconds) => seconds > 0 && seconds <= durationSeconds);
}

/** How long there is something to see or to hear: the shortest of the claims. Null when the file does not say how long it lasts. */
export function playingSeconds(media: MediaInfo): number | null {
  const claims = claimedSeconds(media);
  return claims.length === 0 ? media.durationSeconds : Math.min(...claims);
}

/** AVI says in which order pictures are stored, not when they are seen: those between others seem to come too early. */
export function hasTimes({ container }: MediaInfo): boolean {
  return !container.split(',').includes('avi');
}

/** Nominal picture size as players show it: wide pixels make the picture wider, narrow ones narrower. */
export function shownSize(video: VideoStream): { width: number; height: number } {
  const { height, rotation } = video;
  const width = Math.round(video.width * (framesPerSecond(video.sampleAspect ?? null) ?? 1));
  return rotation === 90 || rotation === 270 ? { width: height, height: width } : { width, height };
}

function videoStream(stream: Json): VideoStream {
  const average = rational(stream['avg_frame_rate']);
  const base = rational(stream['r_frame_rate']);
  const [averageFps, baseFps] = [framesPerSecond(average), framesPerSecond(base)];
  return {
    index: numberOf(stream['index']) ?? 0,
    codec: textOf(stream['codec_name']) ?? 'unknown',
    profile: textOf(stream['profile']),
    width: numberOf(stream['width']) ?? 0,
    height: numberOf(stream['height']) ?? 0,
    sampleAspect: aspectOf(stream),
    rotation: rotationOf(stream),
    pixelFormat: textOf(stream['pix_fmt']),
    colourTransfer: textOf(stream['color_transfer']),
    averageFrameRate: average,
    variableFrameRateHint: averageFps !== null && baseFps !== null && Math.abs(baseFps / averageFps - 1) > 0.01,
    durationSeconds: trackSeconds(stream),
    bitrate: positive(stream['bit_rate']),
  };
}

function audioStream(stream: Json): AudioStream {
  return {
    index: numberOf(stream['index']) ?? 0,
    codec: textOf(stream['codec_name']) ?? 'unknown',
    sampleRate: positive(stream['sample_rate']),
    channels: positive(stream['channels']),
    channelLayout: textOf(stream['channel_layout']),
    language: textOf(asObject(stream['tags'])?.['language'])?.slice(0, 20) ?? null,
    durationSeconds: trackSeconds(stream),
    bitrate: positive(stream['bit_rate']),
  };
}

/** Matroska has the length of a track in a tag, `00:00:04.005000000`. */
function trackSeconds(stream: Json): number | null {
  const tag = /^(\d+):(\d\d):(\d\d(?:\.\d+)?)$/.exec(textOf(asObject(stream['tags'])?.['DURATION']) ?? '');
  const said = tag && Number(tag[1]) * 3600 + Number(tag[2]) * 60 + Number(tag[3]);
  return positive(stream['duration']) ?? positive(said);
}

/** Nobody makes pixels that are more than a few times wider than high; a file may claim anything. */
const aspectMax = 8;

function aspectOf(stream: Json): FrameRate | null {
  const said = rational(textOf(stream['sample_aspect_ratio'])?.replace(':', '/'));
  const ratio = framesPerSecond(said);
  return ratio === null || ratio === 1 || ratio > aspectMax || ratio < 1 / aspectMax ? null : said;
}

function rotationOf(stream: Json): number {
  const sideData = Array.isArray(stream['side_data_list']) ? stream['side_data_list'].map(asObject) : [];
  const said = sideData.map((item) => numberOf(item?.['rotation'])).find((value) => value !== null) ?? 0;
  return (((Math.round(said / 90) * 90) % 360) + 360) % 360;
}

/** Album art is a video stream of one picture. */
function isCoverPicture(stream: Json): boolean {
  const disposition = asObject(stream['disposition']);
  return disposition?.['attached_pic'] === 1;
}

/** Some programs put a cover or a title card of one picture before the film and do not mark it. */
function isSlate(stream: Json): boolean {
  if (!stillCodecs.includes(textOf(stream['codec_name']) ?? '')) return false;
  const frames = numberOf(stream['nb_frames']);
  if (frames !== null) return frames === 1;
  const rate = framesPerSecond(rational(stream['avg_frame_rate'])) ?? 0;
  const seconds = (trackSeconds(stream) ?? Number.POSITIVE_INFINITY) - Math.max(0, numberOf(stream['start_time']) ?? 0);
  return seconds * rate < 1.5;
}

/** A stream without a known codec cannot be decoded. */
function usable(stream: Json): boolean {
  const codec = textOf(stream['codec_name']);
  return codec !== null && codec !== 'unknown' && codec !== 'none';
}

function rational(value: unknown): FrameRate | null {
  const parts = /^(\d+)\/(\d+)$/.exec(textOf(value) ?? '');
  const [numerator, denominator] = [Number(parts?.[1]), Number(parts?.[2])];
  return numerator > 0 && denominator > 0 ? { numerator, denominator } : null;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function asObject(value: unknown): Json | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : null;
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null;
}

function numberOf(value: unknown): number | null {
  const parsed = typeof value === 'string' ? Number.parseFloat(value) : value;
  return typeof parsed === 'number' && Number.isFinite(parsed) ? parsed : null;
}

function positive(value: unknown): number | null {
  const parsed = numberOf(value);
  return parsed !== null && parsed > 0 ? parsed : null;
}
