/** One picture of a film at a time, larger than those that the scan leaves. */
import type { Clock } from '../../core/ports/clock.ts';
import { guardedInput } from './input-guard.ts';
import { JpegFrames } from './jpeg-frames.ts';
import { fitWithin, jpegsTo } from './picture-filters.ts';
import { quietly, runTool } from './tool-run.ts';
import type { ReadyTools } from './tools.ts';

export interface StillRequest {
  readonly tools: ReadyTools;
  readonly file: string;
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
/** Times are rounded to milliseconds, and the frame at the time must not be missed for it. */
const earlierSeconds = 0.002;

/** The frame at the time, as JPEG; null when it cannot be decoded. Rejects with `FenceError` as `runTool` does. */
export async function stillAt(request: StillRequest): Promise<Buffer | null> {
  const { tools, file, stream, time, pixels, signal, clock, timeoutMs } = request;
  const found: Buffer[] = [];
  const frames = new JpegFrames((jpeg) => found.push(jpeg));
  await runTool({
    tools,
    program: 'ffmpeg',
    args: [
      ...[...quietly(tools), '-ss', Math.max(0, time - earlierSeconds).toFixed(3), ...guardedInput(file)],
      ...['-map', `0:${stream}`, '-vf', `${fitWithin(pixels)},format=yuvj420p`, '-frames:v', '1', ...jpegsTo(1)],
    ],
    signal,
    clock,
    timeoutMs,
    outputs: [{ fd: 1, bytesMax: pictureBytesMax, take: (chunk) => frames.push(chunk) }],
  });
  return found[0] ?? null;
}
