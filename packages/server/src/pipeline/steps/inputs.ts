/** Reading what earlier steps left. */
import { readFile } from 'node:fs/promises';
import { invariant } from '../../core/errors.ts';
import type { StepContext } from '../context.ts';
import type { Analysis } from '../media/analysis.ts';
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
  invariant(scan && typeof name === 'string', 'scan_video names its file');
  const analysis = JSON.parse(await readFile(scan.artifactPath(name), 'utf8')) as Analysis;
  invariant(
    analysis.kind === 'holdfast.analytic' && analysis.schemaVersion === 1,
    'an analysis that we know how to read',
  );
  return analysis;
}
