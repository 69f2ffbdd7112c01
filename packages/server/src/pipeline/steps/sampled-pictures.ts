/** The pictures at even distances that `scan_video` left, for steps that make sheets of them. */
import type { StepContext } from '../context.ts';
import { jpegSize } from '../media/sheets.ts';
import { readAnalysis } from './inputs.ts';

export interface SampledPictures {
  readonly file: string;
  /** Seconds, one for each picture. */
  readonly times: readonly number[];
  /** Where the film ends, in seconds. */
  readonly end: number;
  readonly size: { readonly width: number; readonly height: number };
}

/** Null when the file has no moving picture. */
export async function sampledPictures(inputs: StepContext['inputs']): Promise<SampledPictures | null> {
  const { video, decoded } = await readAnalysis(inputs);
  const scan = inputs['scan_video'];
  if (!video?.samples || !scan) return null;
  const file = await scan.artifactPath(video.samples.file);
  const { times } = video.samples;
  const end = Math.max(decoded.videoSeconds ?? 0, (times.at(-1) ?? 0) + 0.001);
  return { file, times, end, size: await jpegSize(file) };
}

export const noPictures = 'The file has no moving picture, or none of it could be decoded.';
export const noTile = 'This ffmpeg has no filter tile: a full build of ffmpeg has it.';
