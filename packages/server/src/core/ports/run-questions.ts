/** What people ask about runs. Answers come from what is recorded, through indexes, as of the moment of asking. */
import type { AttemptRecord, ErrorClass } from '../attempt-record.ts';
import type { RunState, Step } from '../ledger.ts';
import type { Millis } from '../upload.ts';
import type { FailedSteps } from './run-control.ts';
import type { Page } from './upload-store.ts';

/** Whose, under the names that the principal gave its assets; without a principal: everybody's. */
export interface Scope {
  readonly principal?: string;
}

/** A step with what it belongs to. */
export interface PlacedStep {
  readonly step: Step;
  /** Display name of the asset, made safe. */
  readonly assetName: string;
  /** The newest run that has the step. */
  readonly runId: string;
  readonly pipeline: string;
}

/** What a step that has not started waits for. */
export interface WaitingStep extends PlacedStep {
  /** Steps that it needs and that have not ended; none when it could start. */
  readonly waitsFor: readonly { readonly name: string; readonly state: Step['state'] }[];
  /** When the class was paused; null when it is not. */
  readonly pausedAt: Millis | null;
}

/** Failed steps with the same reason. */
export interface FailureGroup {
  readonly step: string;
  readonly errorClass: ErrorClass | null;
  readonly reason: string;
  readonly count: number;
  readonly firstAt: Millis;
  readonly lastAt: Millis;
}

/** How long attempts of a step took that succeeded, in milliseconds. Percentiles are nearest rank. */
export interface StepDurations {
  readonly step: string;
  readonly version: string;
  readonly count: number;
  readonly medianMs: number;
  readonly p95Ms: number;
  readonly maxMs: number;
  readonly totalMs: number;
  /** From when it could have started to when it did. */
  readonly medianWaitMs: number;
  readonly maxWaitMs: number;
}

/** Runs that ended in a span of time. */
export interface RunCounts {
  readonly pipeline: string;
  readonly state: RunState;
  readonly runs: number;
  /** Different contents. */
  readonly assets: number;
  readonly bytes: number;
}

export interface RunQuestions {
  /** Attempts of the steps, oldest first within each step. */
  attempts(keys: readonly string[]): Promise<AttemptRecord[]>;
  findStep(key: string): Promise<PlacedStep | null>;
  /** Running steps, longest first. */
  running(scope: Scope & { readonly limit: number }): Promise<PlacedStep[]>;
  /** Pending and then blocked steps, in the order in which they are taken. */
  waiting(scope: Scope & { readonly limit: number }): Promise<WaitingStep[]>;
  /** Failed steps, newest first. */
  failed(query: FailedSteps & { readonly limit: number; readonly cursor?: string }): Promise<Page<PlacedStep>>;
  /** The same by step, class and reason, most frequent first; at most 100 groups. */
  failureGroups(which: FailedSteps): Promise<FailureGroup[]>;
  /** By step and version, the one that took most time in all first. */
  durations(query: Scope & { readonly since: Millis; readonly step?: string }): Promise<StepDurations[]>;
  /** Runs that ended since then, by pipeline and state. */
  ended(query: Scope & { readonly since: Millis }): Promise<RunCounts[]>;
}
