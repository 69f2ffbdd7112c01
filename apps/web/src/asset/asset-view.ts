/** What an asset's runs and artifacts mean for people. Pure. */
import type { Artifact, Asset, LogEvent, Run, Step } from '@holdfast/protocol';

export type MediaKind = 'video' | 'audio' | 'image' | 'other';

/** By the content type that the server found in the bytes, not by the name. */
export function mediaKind(asset: Pick<Asset, 'contentType'>): MediaKind {
  const kind = asset.contentType.split('/')[0];
  return kind === 'video' || kind === 'audio' || kind === 'image' ? kind : 'other';
}

export type Processing =
  /** No pipeline takes this kind of file. */
  | { readonly state: 'none' }
  | { readonly state: 'running'; readonly fraction: number; readonly step: string }
  | { readonly state: 'done'; readonly skipped: number }
  | { readonly state: 'failed'; readonly step: string; readonly reason: string };

/** Of the newest run. */
export function processingOf(runs: readonly Run[]): Processing {
  const run = newestRun(runs);
  if (run === null || run.steps.length === 0) return { state: 'none' };
  switch (run.state) {
    case 'running': {
      const active = run.steps.find((step) => step.state === 'running') ?? run.steps.find((step) => !isOver(step));
      const sum = run.steps.reduce((total, step) => total + (isOver(step) ? 1 : clamp(step.progress)), 0);
      return {
        state: 'running',
        fraction: sum / run.steps.length,
        step: active === undefined ? '' : stepTitle(active.name),
      };
    }
    case 'succeeded':
      return { state: 'done', skipped: run.steps.filter((step) => step.state === 'skipped').length };
    case 'cancelled': {
      const stopped = run.steps.find((step) => step.state === 'cancelled');
      return {
        state: 'failed',
        step: stopped === undefined ? '' : stepTitle(stopped.name),
        reason: stopped?.reason ?? 'It was cancelled.',
      };
    }
    case 'failed': {
      const broken = run.steps.find((step) => step.state === 'failed');
      return {
        state: 'failed',
        step: broken === undefined ? '' : stepTitle(broken.name),
        reason: broken?.reason ?? 'No reason was recorded.',
      };
    }
  }
}

export function newestRun(runs: readonly Run[]): Run | null {
  return runs.toSorted((a, b) => b.createdAt.localeCompare(a.createdAt))[0] ?? null;
}

function isOver(step: Step): boolean {
  return !['blocked', 'pending', 'running'].includes(step.state);
}

function clamp(fraction: number): number {
  return Math.min(1, Math.max(0, fraction));
}

const knownSteps: Readonly<Record<string, string>> = {
  probe: 'Open the file',
  scan_video: 'Watch and listen',
  summarize_scene: 'Summarise',
  logline_generator: 'Write the logline',
  transcribe: 'Transcribe',
};

/** `summarize_scene` → "Summarise"; a step of somebody's own → its name in words. */
export function stepTitle(name: string): string {
  const known = knownSteps[name];
  if (known !== undefined) return known;
  const words = name.replaceAll(/[_-]+/g, ' ').trim();
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** The newest text under `key` that a step of any run put out. */
export function outputText(runs: readonly Run[], key: string): string | null {
  for (const value of outputs(runs, key)) if (typeof value === 'string' && value.trim() !== '') return value.trim();
  return null;
}

export function outputNumber(runs: readonly Run[], key: string): number | null {
  for (const value of outputs(runs, key)) if (typeof value === 'number' && Number.isFinite(value)) return value;
  return null;
}

function outputs(runs: readonly Run[], key: string): unknown[] {
  const newestFirst = runs.toSorted((a, b) => b.createdAt.localeCompare(a.createdAt));
  return newestFirst.flatMap((run) => run.steps.map((step) => step.output?.[key]));
}

/** Pictures of the shots, in the order of the film. */
export function keyframes(artifacts: readonly Artifact[]): Artifact[] {
  return artifacts
    .filter((artifact) => artifact.contentType.startsWith('image/') && /shot/i.test(artifact.name))
    .toSorted((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true }));
}

export function artifactEnding(artifacts: readonly Artifact[], ending: string): Artifact | null {
  return artifacts.find((artifact) => artifact.name.endsWith(ending)) ?? null;
}

/** Whether an event of the stream is about this asset. A run that we have not seen yet names its asset in its first event. */
export function concernsAsset(event: LogEvent, assetId: string, runs: readonly Run[]): boolean {
  if (event.data['assetId'] === assetId) return true;
  return event.subject === 'run' && runs.some((run) => run.id === event.subjectId);
}
