/** Reading what earlier steps left. */
import { readFile } from 'node:fs/promises';
import { invariant } from '../../core/errors.ts';
import { PermanentStepError, type StepContext } from '../context.ts';
import type { Analysis, Interval } from '../media/analysis.ts';
import type { MediaInfo } from '../media/media-info.ts';

type Inputs = StepContext['inputs'];

/** Our own output of `probe`, typed again; its version is part of our key, so its shape is known. */
export function probedMedia(inputs: Inputs): MediaInfo {
  const media = inputs['probe']?.output['media'];
  invariant(typeof media === 'object' && media !== null, 'probe left the media facts');
  return media as MediaInfo;
}

export async function readAnalysis(inputs: Inputs): Promise<Analysis> {
  const scan = inputs['scan_video'];
  const name = scan?.output['analytic'];
  if (!scan || typeof name !== 'string')
    throw new PermanentStepError('scan_video left no output "analytic", which this step reads.');
  const analysis = JSON.parse(await readFile(await scan.artifactPath(name), 'utf8')) as Partial<Analysis> | null;
  if (analysis?.kind === 'holdfast.analytic' && analysis.schemaVersion === 1) return analysis as Analysis;
  // Somebody's command stands for scan_video.
  throw new PermanentStepError(
    `${name} is not an analysis that this step can read (kind "holdfast.analytic", schemaVersion 1): put a command in the place of this step too, or leave it out.`,
  );
}

/** The sound that `extract_speech` took out. */
export async function extractedSpeech(inputs: Inputs): Promise<{ readonly path: string; readonly seconds: number }> {
  const speech = inputs['extract_speech'];
  const { file, seconds } = speech?.output ?? {};
  invariant(speech && typeof file === 'string' && typeof seconds === 'number', 'extract_speech names its file');
  return { path: await speech.artifactPath(file), seconds };
}

export interface DetectedSpeech {
  readonly regions: readonly Interval[];
  readonly seconds: number;
  readonly speechShare: number;
}

export async function detectedSpeech(inputs: Inputs): Promise<DetectedSpeech> {
  const found = await readJson<{ regions: [number, number][]; seconds: number; speechShare: number }>(
    inputs,
    'detect_speech',
    'speech',
  );
  return { ...found, regions: found.regions.map(([start, end]) => ({ start, end })) };
}

/** The JSON file that a step names in its output under `field`; our own, so its shape is known. */
export async function readJson<T>(inputs: Inputs, step: string, field: string): Promise<T> {
  const input = inputs[step];
  const name = input?.output[field];
  invariant(input && typeof name === 'string', `${step} names its file`);
  return JSON.parse(await readFile(await input.artifactPath(name), 'utf8')) as T;
}
