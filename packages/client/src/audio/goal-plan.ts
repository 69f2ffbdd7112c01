/** From what is wanted, and what the original is, to what the encoder is told. The same before (estimate) and in the worker. */
import type { Goal, SourceFacts } from './messages.ts';
import { frameMsFor, planForTarget, plannedBytes, targetBytesMin } from './size-plan.ts';
import { SkipError } from './skipped.ts';

export interface Plan {
  /** bit/s. */
  readonly bitrate: number;
  /** Constant where a size has to be met, otherwise as many bits as the moment needs. */
  readonly bitrateMode: 'constant' | 'variable';
  /** ms. */
  readonly frameMs: number;
  readonly bytes: number;
}

/**
 * @param longFrames whether the browser makes frames of more than 20 ms.
 * @throws SkipError `target-too-small`, `not-smaller`
 */
export function planFor(goal: Goal, original: Blob, source: SourceFacts, longFrames: boolean): Plan {
  const plan =
    'bitrate' in goal ? presetPlan(goal.bitrate, longFrames) : targetPlan(goal.targetBytes, source, longFrames);
  const bytes = plannedBytes(plan.bitrate, source.durationSeconds, plan.frameMs);
  if (bytes >= original.size)
    throw new SkipError(
      'not-smaller',
      'The file is so small for its length already that compression would not make it smaller.',
    );
  return { ...plan, bytes };
}

function presetPlan(bitrate: number, longFrames: boolean) {
  return { bitrate, bitrateMode: 'variable', frameMs: longFrames ? frameMsFor(bitrate) : 20 } as const;
}

function targetPlan(targetBytes: number, { durationSeconds }: SourceFacts, longFrames: boolean) {
  const plan = planForTarget(targetBytes, durationSeconds, longFrames);
  if (plan) return { ...plan, bitrateMode: 'constant' } as const;
  const least = (targetBytesMin(durationSeconds, longFrames) / 1_000_000).toFixed(3);
  throw new SkipError(
    'target-too-small',
    `At 16 kbit/s, the least that recognisers understand, it takes ${least} MB: choose that or more.`,
  );
}
