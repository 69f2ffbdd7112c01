/** Facts about runs → the shapes of the native API. */
import type * as wire from '@holdfast/protocol';
import type { AttemptRecord } from '../../core/attempt-record.ts';
import type { ClassState } from '../../core/ports/run-control.ts';
import type { FailureGroup, PlacedStep, StepDurations, WaitingStep } from '../../core/ports/run-questions.ts';
import type { Millis } from '../../core/upload.ts';

const iso = (at: Millis): string => new Date(at).toISOString();
const isoOrNull = (at: Millis | null): string | null => (at === null ? null : iso(at));

export function renderAttempt(attempt: AttemptRecord, step: string): wire.Attempt {
  const { dueAt, startedAt, endedAt, ...facts } = attempt;
  return { ...facts, step, dueAt: iso(dueAt), startedAt: iso(startedAt), endedAt: isoOrNull(endedAt) };
}

export function renderPlaced(placed: PlacedStep, waits: wire.Waits | null = null): wire.PlacedStep {
  const { step, assetName, runId, pipeline } = placed;
  const { key, name, version, state, attempt, attemptsMax, progress, reason, errorClass, assetId } = step;
  return {
    key,
    name,
    version,
    class: step.class,
    state,
    attempt,
    attemptsMax,
    progress,
    reason,
    errorClass,
    cancelling: step.cancelAskedAt !== null,
    node: step.leaseHolder,
    startedAt: isoOrNull(step.startedAt),
    finishedAt: isoOrNull(step.finishedAt),
    waits,
    runId,
    pipeline,
    assetId,
    assetName,
  };
}

/** Why a step has not started. */
export function waitsOf(
  waiting: WaitingStep,
  facts: {
    readonly now: Millis;
    readonly classes: readonly ClassState[];
    readonly limits: Readonly<Record<string, number>>;
  },
): wire.Waits {
  const { step, waitsFor, pausedAt } = waiting;
  const plain = (kind: wire.Waits['for'], words: string) => ({ for: kind, words, until: null });
  if (step.state === 'blocked') {
    const names = waitsFor.map((need) => (need.state === 'running' ? `${need.name} (runs)` : need.name));
    const last = names.pop();
    return plain('steps', `waits for ${names.length === 0 ? last : `${names.join(', ')} and ${last}`}`);
  }
  if (pausedAt !== null) return plain('class-paused', `class ${step.class} is paused since ${iso(pausedAt)}`);
  if (step.notBefore > facts.now) {
    const failed = step.attempt > 0 ? `attempt ${step.attempt} of ${step.attemptsMax} failed; ` : '';
    return { for: 'time', words: `${failed}due at ${iso(step.notBefore)}`, until: iso(step.notBefore) };
  }
  const limit = facts.limits[step.class];
  if (limit === undefined) return plain('class', `this node takes no steps of class ${step.class}`);
  const running = facts.classes.find((one) => one.name === step.class)?.running ?? 0;
  if (running >= limit) return plain('place', `class ${step.class} is full: ${running} of ${limit} run`);
  return plain('turn', 'is next');
}

export function renderFailures(group: FailureGroup): wire.FailureGroup {
  return { ...group, firstAt: iso(group.firstAt), lastAt: iso(group.lastAt) };
}

export function renderDuration(durations: StepDurations): wire.StepDuration {
  return { ...durations };
}

export function renderClass(state: ClassState, limits: Readonly<Record<string, number>>): wire.Class {
  const { name, running, pending, paused } = state;
  const pause = paused === null ? null : { at: iso(paused.at), by: paused.by };
  return { name, limit: limits[name] ?? null, running, pending, paused: pause };
}
