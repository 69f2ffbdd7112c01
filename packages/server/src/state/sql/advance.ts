/**
 * What follows when steps of an asset end: which blocked steps can run, which cannot any more, and which runs are over. Pure.
 *
 * - A blocked step whose needs have all ended well (succeeded, or skipped themselves), and whose wants have all ended in whatever way,
 *   becomes pending: the step decides what it can do without a skipped input.
 * - A blocked step that needs a failed step, or one that was skipped for a failed step, is skipped for that failed step.
 * - A blocked step that needs a cancelled step is cancelled for it.
 * - A run is over when none of its steps can run any more: failed if one of them failed, cancelled if one of them was, succeeded otherwise.
 */
import type { RunState, StepState } from '../../core/ledger.ts';

export interface StepFacts {
  readonly key: string;
  readonly name: string;
  readonly state: StepState;
  readonly reason: string | null;
  readonly skippedFor: string | null;
}

export type StepChange =
  | { readonly key: string; readonly to: 'pending' }
  | {
      readonly key: string;
      readonly to: 'skipped' | 'cancelled';
      readonly skippedFor: string;
      readonly reason: string;
    };

/** Keys of the steps that a step waits for. */
export interface Inputs {
  readonly needs: readonly string[];
  readonly wants: readonly string[];
}

/** `inputs` has the inputs of each blocked step by its key; none when it is not there. The changes are in an order in which they can be made. */
export function advanceSteps(steps: readonly StepFacts[], inputs: ReadonlyMap<string, Inputs>): StepChange[] {
  const facts = new Map(steps.map((step) => [step.key, step]));
  const changes: StepChange[] = [];
  for (let changed = true; changed; ) {
    changed = false;
    for (const step of facts.values()) {
      if (step.state !== 'blocked') continue;
      const of = (keys: readonly string[] = []) => keys.flatMap((key) => facts.get(key) ?? []);
      const { needs, wants } = inputs.get(step.key) ?? {};
      const change = changeOf(step, of(needs), of(wants));
      if (change === null) continue;
      changes.push(change);
      facts.set(step.key, afterChange(step, change));
      changed = true;
    }
  }
  return changes;
}

function afterChange(step: StepFacts, change: StepChange): StepFacts {
  return change.to === 'pending'
    ? { ...step, state: 'pending' }
    : { ...step, state: change.to, reason: change.reason, skippedFor: change.skippedFor };
}

function changeOf(step: StepFacts, needs: readonly StepFacts[], wants: readonly StepFacts[]): StepChange | null {
  const failed = needs.find((input) => input.state === 'failed');
  if (failed)
    return { key: step.key, to: 'skipped', skippedFor: failed.key, reason: `needs ${failed.name}, which failed` };
  const cancelled = needs.find((input) => input.state === 'cancelled');
  if (cancelled)
    return {
      key: step.key,
      to: 'cancelled',
      skippedFor: cancelled.skippedFor ?? cancelled.key,
      reason: `needs ${cancelled.name}, which was cancelled`,
    };
  const skipped = needs.find((input) => input.skippedFor !== null);
  if (skipped?.skippedFor)
    return {
      key: step.key,
      to: 'skipped',
      skippedFor: skipped.skippedFor,
      reason: `needs ${skipped.name}, which ${skipped.reason ?? 'was skipped'}`,
    };
  const ready = needs.every((input) => input.state === 'succeeded' || input.state === 'skipped') && !wants.some(isOpen);
  return ready ? { key: step.key, to: 'pending' } : null;
}

export function isOpen({ state }: Pick<StepFacts, 'state'>): boolean {
  return state === 'blocked' || state === 'pending' || state === 'running';
}

/** The state of a run with these steps. */
export function runState(steps: readonly StepFacts[]): RunState {
  if (steps.some(isOpen)) return 'running';
  const cancelled = steps.some((step) => step.state === 'cancelled');
  const failed = steps.some(
    (step) => step.state === 'failed' || (step.state === 'skipped' && step.skippedFor !== null),
  );
  if (failed) return 'failed';
  return cancelled ? 'cancelled' : 'succeeded';
}

/** The state of a run whose cancellation was asked for; `leftToOthers` are the keys of steps that other runs still wait for. */
export function cancelledRunState(steps: readonly StepFacts[], leftToOthers: ReadonlySet<string>): RunState {
  if (steps.some((step) => isOpen(step) && !leftToOthers.has(step.key))) return 'running';
  const untouched = steps.every((step) => !isOpen(step) && step.state !== 'cancelled');
  return untouched ? runState(steps) : 'cancelled';
}
