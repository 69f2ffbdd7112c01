/** What compression would bring, before it is done. */
import { defaultRuntime } from '../runtime.ts';
import { type AsrImpact, untouched } from './asr-impact.ts';
import { bitrateOf, type CompressOptions, impactOf } from './compress.ts';
import type { VoiceFilters } from './dsp/voice-chain.ts';
import { type Plan, planFor } from './goal-plan.ts';
import type { SourceFacts } from './messages.ts';
import type { CompressionPreset } from './presets.ts';
import { SkipError, type Skipped, skipped } from './skipped.ts';
import { runInWorker } from './worker-link.ts';

export interface CompressionEstimate {
  readonly inputBytes: number;
  /** Expected within a few percent; pauses make it smaller. The input's size when it would be skipped. */
  readonly outputBytes: number;
  readonly savedBytes: number;
  readonly ratio: number;
  readonly durationSeconds: number | null;
  readonly estimatedAsrImpact: AsrImpact;
  /** Why `compress` would leave it as it is, as far as its head tells. */
  readonly skipped: Skipped | null;
}

export type EstimateGoal = CompressionPreset | { readonly targetSizeMB: number };

/**
 * Reads only the head of the file (and what its format needs to tell its duration), and says what `compress`, or `autoCompress` for `{ targetSizeMB }`, would make of it.
 * @throws the reason of the signal; RangeError as they do.
 */
export async function estimateCompression(
  original: Blob,
  goal: EstimateGoal,
  options: CompressOptions = {},
): Promise<CompressionEstimate> {
  const [estimate] = await estimateCompressions(original, [goal], options);
  if (estimate === undefined) throw new TypeError('One goal has one estimate.');
  return estimate;
}

/** The same for several goals, in their order, with one look at the file: for a choice between them. */
export async function estimateCompressions(
  original: Blob,
  goals: readonly EstimateGoal[],
  options: CompressOptions = {},
): Promise<readonly CompressionEstimate[]> {
  const { signal, filters = {}, runtime = defaultRuntime() } = options;
  const wanted = goals.map(goalOf);
  const fits = ({ targetBytes }: WantedGoal) => targetBytes !== null && original.size <= targetBytes;
  if (original.size === 0)
    return wanted.map(() => unchanged(original, skipped('empty', 'The file has no bytes.'), null));
  if (wanted.every(fits)) return wanted.map(() => alreadyFits(original));
  const link = { ...options, signal, runtime, onProgress: () => {} };
  const outcome = await runInWorker({ kind: 'probe', blob: original }, link);
  if (outcome.kind === 'skipped') return wanted.map(() => unchanged(original, outcome.skipped, outcome.source));
  if (outcome.kind === 'compressed') throw new TypeError('The worker answered another question.');
  const { source, longFrames } = outcome;
  return wanted.map((goal) =>
    fits(goal) ? alreadyFits(original) : planned(original, goal, { source, longFrames, filters }),
  );
}

interface WantedGoal {
  readonly targetBytes: number | null;
  readonly bitrate: number | null;
}

function goalOf(goal: EstimateGoal): WantedGoal {
  if (typeof goal === 'string') return { targetBytes: null, bitrate: bitrateOf(goal) };
  const targetBytes = goal.targetSizeMB * 1_000_000;
  if (!(Number.isFinite(targetBytes) && targetBytes > 0))
    throw new RangeError('The target is a number of megabytes above 0.');
  return { targetBytes, bitrate: null };
}

interface Probed {
  readonly source: SourceFacts;
  readonly longFrames: boolean;
  readonly filters: VoiceFilters;
}

function planned(original: Blob, { targetBytes, bitrate }: WantedGoal, probed: Probed): CompressionEstimate {
  const { source, longFrames, filters } = probed;
  const wanted = bitrate === null ? { targetBytes: targetBytes ?? 0 } : { bitrate };
  let plan: Plan;
  try {
    plan = planFor(wanted, original, source, longFrames);
  } catch (error) {
    if (error instanceof SkipError) return unchanged(original, error.skipped, source);
    throw error;
  }
  const outputBytes = plan.bytes;
  return {
    inputBytes: original.size,
    outputBytes,
    savedBytes: original.size - outputBytes,
    ratio: original.size / outputBytes,
    durationSeconds: source.durationSeconds,
    estimatedAsrImpact: impactOf(original, plan.bitrate, source, filters),
    skipped: null,
  };
}

function alreadyFits(original: Blob): CompressionEstimate {
  return unchanged(original, skipped('already-fits', 'The file is within the target already.'), null);
}

function unchanged(original: Blob, why: Skipped, source: SourceFacts | null): CompressionEstimate {
  return {
    inputBytes: original.size,
    outputBytes: original.size,
    savedBytes: 0,
    ratio: 1,
    durationSeconds: source?.durationSeconds ?? null,
    estimatedAsrImpact: untouched,
    skipped: why,
  };
}
