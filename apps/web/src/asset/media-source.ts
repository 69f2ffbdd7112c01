/** What the player plays. Pure. */
import type { Artifact, Asset, Run } from '@holdfast/protocol';
import { artifactOf, stepOf } from './asset-view.ts';

export interface Source {
  readonly url: string;
  /** Why it is not the original; null when it is. */
  readonly insteadOfOriginal: string | null;
  /** How far a version for browsers is, 0 … 1; null when none is being made. */
  readonly making: number | null;
}

/**
 * The server only makes a version for browsers when they cannot play the original, so where there is one it is taken: some browsers play
 * the sound of a film that they cannot show and say nothing.
 */
export function sourceOf(asset: Asset, runs: readonly Run[], artifacts: readonly Artifact[]): Source {
  const rendition = artifactOf(artifacts, 'rendition.mp4') ?? artifactOf(artifacts, 'rendition.m4a');
  const step = stepOf(runs, 'web_rendition');
  const reason = step?.output?.['reason'];
  if (rendition !== null)
    return { url: rendition.url, insteadOfOriginal: typeof reason === 'string' ? reason : '', making: null };
  const making = step !== null && ['blocked', 'pending', 'running'].includes(step.state) ? step.progress : null;
  return { url: asset.contentUrl, insteadOfOriginal: null, making };
}
