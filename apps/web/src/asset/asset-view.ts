/** What an asset's runs and artifacts mean for people. Pure. */
import type { Artifact, Asset, LogEvent, Run, Step } from '@holdfast/protocol';
import { nameOrder, textOrder } from '../format/order.ts';
import { asObject, numberAt, objectAt, objectsAt, textAt } from './json-reader.ts';

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
  /** Nothing could be done here: no step did anything. */
  | { readonly state: 'skipped'; readonly reason: string }
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
    case 'succeeded': {
      const skipped = run.steps.filter((step) => step.state === 'skipped');
      const [first] = skipped;
      if (isAllSkipped(run)) return { state: 'skipped', reason: first?.reason ?? 'No reason was recorded.' };
      return { state: 'done', skipped: skipped.length };
    }
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

/** Whether no step of it had anything to do, or could do it. */
export function isAllSkipped({ state, steps }: Run): boolean {
  return state === 'succeeded' && steps.length > 0 && steps.every((step) => step.state === 'skipped');
}

export function newestRun(runs: readonly Run[]): Run | null {
  return runs.toSorted((a, b) => textOrder(b.createdAt, a.createdAt))[0] ?? null;
}

function isOver(step: Step): boolean {
  return !['blocked', 'pending', 'running'].includes(step.state);
}

function clamp(fraction: number): number {
  return Math.min(1, Math.max(0, fraction));
}

const knownSteps: Readonly<Record<string, string>> = {
  probe: 'Open the file',
  quick_look: 'First pictures',
  waveform: 'Waveform',
  scan_video: 'Watch and listen',
  contact_sheet: 'Contact sheet',
  storyboard: 'Pictures for the timeline',
  extract_speech: 'Take out the sound',
  detect_speech: 'Find speech',
  diarize: 'Tell voices apart',
  transcribe: 'Transcribe',
  clean_transcript: 'Make the transcript readable',
  read_text: 'Read text in the picture',
  summarize_scene: 'Summarise',
  logline_generator: 'Write the logline',
  web_rendition: 'Version for browsers',
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
  const newestFirst = runs.toSorted((a, b) => textOrder(b.createdAt, a.createdAt));
  return newestFirst.flatMap((run) => run.steps.map((step) => step.output?.[key]));
}

/** Pictures of the shots, in the order of the film. */
export function keyframes(artifacts: readonly Artifact[]): Artifact[] {
  return artifacts
    .filter((artifact) => artifact.contentType.startsWith('image/') && /shot/i.test(artifact.name))
    .toSorted(nameOrder);
}

/**
 * Without what newer runs of the same step have replaced: after a change of the pipeline an asset keeps the results of both. A step that
 * is being done again still stands for what it made last.
 */
export function currentArtifacts(runs: readonly Run[], artifacts: readonly Artifact[]): Artifact[] {
  const made = new Set(artifacts.map(({ stepKey }) => stepKey));
  const newest = new Map<string, string>();
  for (const run of runs.toSorted((a, b) => textOrder(a.createdAt, b.createdAt)))
    for (const { name, key } of run.steps) if (made.has(key)) newest.set(name, key);
  return artifacts.filter(({ step, stepKey }) => (newest.get(step) ?? stepKey) === stepKey);
}

export function artifactOf(artifacts: readonly Artifact[], name: string): Artifact | null {
  return artifacts.find((artifact) => artifact.name === name) ?? null;
}

/** The step of the newest run that has it. */
export function stepOf(runs: readonly Run[], name: string): Step | null {
  const newestFirst = runs.toSorted((a, b) => textOrder(b.createdAt, a.createdAt));
  for (const run of newestFirst) {
    const step = run.steps.find((one) => one.name === name);
    if (step !== undefined) return step;
  }
  return null;
}

export interface QuickPicture {
  /** Seconds. */
  readonly time: number;
  readonly url: string;
}

/** The pictures that are there within seconds, in the order of the film, and the one that says most. */
export function quickLook(
  runs: readonly Run[],
  artifacts: readonly Artifact[],
): { pictures: readonly QuickPicture[]; posterUrl: string | null } {
  const step = stepOf(runs, 'quick_look');
  const output = asObject(step?.output);
  const urls = new Map(
    artifacts.filter(({ step: name }) => name === 'quick_look').map((artifact) => [artifact.name, artifact.url]),
  );
  const pictures = objectsAt(output, 'pictures').flatMap((picture) => {
    const url = urls.get(textAt(picture, 'name') ?? '');
    const time = numberAt(picture, 'time');
    return url === undefined || time === null ? [] : [{ time, url }];
  });
  return { pictures, posterUrl: urls.get(textAt(output, 'poster') ?? '') ?? pictures[0]?.url ?? null };
}

/** Seconds, as the file itself says, known before it was looked at as a whole; 0 when it does not say. */
export function declaredSeconds(runs: readonly Run[]): number {
  return numberAt(objectAt(asObject(stepOf(runs, 'probe')?.output), 'media'), 'durationSeconds') ?? 0;
}

export function artifactEnding(artifacts: readonly Artifact[], ending: string): Artifact | null {
  return artifacts.find((artifact) => artifact.name.endsWith(ending)) ?? null;
}

/** Whether an event of the stream is about this asset. A run that we have not seen yet names its asset in its first event. */
export function concernsAsset(event: LogEvent, assetId: string, runs: readonly Run[]): boolean {
  if (event.data['assetId'] === assetId) return true;
  return event.subject === 'run' && runs.some((run) => run.id === event.subjectId);
}
