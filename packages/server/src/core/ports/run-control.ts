/** What people do about runs: try again, cancel, pause. Every change is durable when it resolves and seen by all nodes. */
import type { ErrorClass } from '../attempt-record.ts';
import type { Lack } from '../ledger.ts';
import type { Millis, Sha256 } from '../upload.ts';

/** Who asks, and when. */
export interface Asking {
  readonly by: string;
  readonly now: Millis;
}

/** Which failed steps; all conditions have to hold. Without any: every failed step. */
export interface FailedSteps {
  /** Only of assets of this principal. */
  readonly principal?: string;
  readonly pipeline?: string;
  readonly step?: string;
  readonly errorClass?: ErrorClass;
  /** Part of the reason, whatever its case. */
  readonly reason?: string;
  /** Failed then or later. */
  readonly since?: Millis;
}

/** A concurrency class that was paused, or that has steps which wait or run. */
export interface ClassState {
  readonly name: string;
  readonly running: number;
  /** Due or to become due. */
  readonly pending: number;
  readonly paused: { readonly at: Millis; readonly by: string } | null;
}

export interface RunControl {
  /**
   * Puts the step back with fresh attempts, with what it needs that did not succeed and with what ended because of it.
   * Resolves to whether it was failed, cancelled or skipped.
   */
  retryStep(key: string, asking: Asking): Promise<boolean>;
  /** Does so for every failed step that is meant. Resolves to how many failed steps were put back. */
  retryFailed(which: FailedSteps, asking: Asking): Promise<number>;
  /** Does so for every step that was skipped for want of what is there now, but for those of cancelled runs. Resolves to how many. */
  retryLacking(lack: Lack, asking: Asking): Promise<number>;
  /**
   * What has not started ends `cancelled` at once; what runs is asked to let go and ends `cancelled` once its holder has, with its processes dead.
   * A step that another run waits for as well is left to it. Resolves to whether the run was running. Idempotent.
   */
  cancelRun(id: string, asking: Asking): Promise<boolean>;
  /** The same for one step, for all runs that have it; what needs it ends `cancelled`, too. Resolves to whether it had not ended. */
  cancelStep(key: string, asking: Asking): Promise<boolean>;
  /** No step of the class is claimed any more; running ones may finish. Resolves to whether it was not paused before. */
  pauseClass(name: string, asking: Asking): Promise<boolean>;
  /** Resolves to whether it was paused. */
  resumeClass(name: string): Promise<boolean>;
  /** In the order of their names. */
  classes(): Promise<ClassState[]>;
  /** Whose asset the step belongs to; null when there is no such step. */
  assetOfStep(key: string): Promise<Sha256 | null>;
}
