/** One picture of a film at a time, larger than those that the scan leaves. */
import type { Clock } from '../../core/ports/clock.ts';
import { guardedInput } from './input-guard.ts';
import { JpegFrames } from './jpeg-frames.ts';
import type { MediaInfo } from './media-info.ts';
import { MetadataLines } from './metadata-lines.ts';
import { fitWithin, jpegsTo, printEach } from './picture-filters.ts';
import { passthrough, quietly, runTool } from './tool-run.ts';
import type { ReadyTools } from './tools.ts';

export interface StillRequest {
  readonly tools: ReadyTools;
  readonly file: string;
  readonly media: MediaInfo;
  /** Of the stream, as the probe counts. */
  readonly stream: number;
  /** Seconds from the file's start. */
  readonly time: number;
  /** Long side at most. */
  readonly pixels: number;
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly timeoutMs: number;
}

const pictureBytesMax = 16 * 1024 * 1024;
const timePipe = 3;
const textBytesMax = 64 * 1024;
/** Times are rounded to milliseconds, and the frame at the time must not be missed for it. */
const earlierSeconds = 0.002;
/** What is that far away is another picture. */
const awaySecondsMax = 0.1;
/** Transport and program streams have no index: what is found is some place, and the keyframe before it is not. */
const unindexed = ['mpegts', 'mpeg'];
const unindexedSeconds = 5;

/** The frame at the time, as JPEG; null when it cannot be found or decoded. Rejects with `FenceError` as `runTool` does. */
export async function stillAt(request: StillRequest): Promise<Buffer | null> {
  const { tools, file, media, stream, time, pixels, signal, clock, timeoutMs } = request;
  const found: Buffer[] = [];
  const times: number[] = [];
  const frames = new JpegFrames((jpeg) => found.push(jpeg));
  const lines = new MetadataLines((event) => event.kind === 'frame' && times.push(event.time));
  const early = media.container.split(',').some((name) => unindexed.includes(name)) ? unindexedSeconds : 0;
  const wanted = media.startSeconds + time;
  const filters = [
    `select='gte(t,${(wanted - earlierSeconds).toFixed(3)})'`,
    fitWithin(pixels),
    'format=yuvj420p',
    printEach('metadata', timePipe),
  ];
  await runTool({
    tools,
    program: 'ffmpeg',
    args: [
      ...[...quietly(tools), '-noaccurate_seek', '-ss', Math.max(0, time - earlierSeconds - early).toFixed(3)],
      ...['-copyts', ...guardedInput(file), '-map', `0:${stream}`, ...passthrough(tools)],
      ...['-vf', filters.join(','), '-frames:v', '1', ...jpegsTo(1)],
    ],
    signal,
    clock,
    timeoutMs,
    outputs: [
      { fd: 1, bytesMax: pictureBytesMax, take: (chunk) => frames.push(chunk) },
      { fd: timePipe, bytesMax: textBytesMax, take: (chunk) => lines.push(chunk) },
    ],
  });
  const away = Math.abs((times[0] ?? Number.POSITIVE_INFINITY) - wanted);
  return away <= awaySecondsMax ? (found[0] ?? null) : null;
}
