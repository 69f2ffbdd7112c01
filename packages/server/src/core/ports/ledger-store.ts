/**
 * The pipeline's ledger. Runs are created by `publish-asset` writes (see upload-store) or by `startRun`; steps are unique by key,
 * so a result is never computed twice. A conformance suite runs on every adapter.
 */

import type { Asset } from '../asset.ts';
import type { Evidence } from '../attempt-record.ts';
import type { Artifact, Lack, Run, RunPlan, RunWithSteps, Step, StepState } from '../ledger.ts';
import type { Millis, Sha256 } from '../upload.ts';
import type { DueStep } from './due-steps.ts';
import type { Page } from './upload-store.ts';

/** A step that this holder may work on until the lease ends. */
export interface Claim {
  readonly step: Step;
  readonly asset: Asset;
  /** Display name of the asset (newest source), made safe. */
  readonly assetName: string;
  /** Outputs and artifacts of the steps it needs, and of those it wants that succeeded, by step name. */
  readonly inputs: Readonly<Record<string, { readonly step: Step; readonly artifacts: readonly Artifact[] }>>;
  /** Why there is no result of a step that it wants, by step name: `skipped: no engine`. */
  readonly missing: Readonly<Record<string, string>>;
}

export interface ClaimRequest {
  readonly holder: string;
  readonly now: Millis;
  readonly leaseMs: number;
  /** Classes that have room. */
  readonly classes: readonly string[];
  /** How many steps of a class may run at once, whoever holds them; classes that are not named have no such limit. */
  readonly clusterLimits?: Readonly<Record<string, number>>;
}

/** Asks for one step that somebody said was due. */
export type KeyClaimRequest = Omit<ClaimRequest, 'classes'>;

/**
 * - `claimed`: as by `claim`.
 * - `gone`: nothing is to be done for it now: it runs, has ended, waits for others, or was never there.
 * - `later`: it is pending, and cannot start before that time.
 * - `full`: it is due, and its class has no place now (it is paused, or as many of it run as may, on all nodes together): ask again in a while.
 */
export type KeyClaim =
  | { readonly kind: 'claimed'; readonly claim: Claim }
  | { readonly kind: 'gone' }
  | { readonly kind: 'later'; readonly notBefore: Millis }
  | { readonly kind: 'full' };

/** Due steps in the order in which they became due. */
export interface DuePage {
  readonly classes: readonly string[];
  readonly now: Millis;
  readonly after: Pick<DueStep, 'key' | 'notBefore'> | null;
  readonly limit: number;
}

/**
 * - `lost`: the fence is no longer the step's, or it is not running; nothing was changed.
 * - `cancelled`: somebody asked for the step to be cancelled. From a heartbeat: let go, with all child processes dead, and say so with
 *   `release`. From anything else: what was to be recorded was dropped, and the step is cancelled.
 */
export type Outcome = 'applied' | 'lost' | 'cancelled';

/** What an attempt tells while it works. */
export interface Report {
  readonly now: Millis;
  /** 0 … 1 */
  readonly progress: number;
  /** The last lines that the step logged, oldest first. */
  readonly log: string;
  /** Whether listeners are told, by an event. */
  readonly tell: boolean;
}

export interface Skip {
  readonly reason: string;
  /** For `RunControl.retryLacking`; null when no machine could do it. */
  readonly lacks: Lack | null;
  readonly now: Millis;
}

export interface StepFailure {
  readonly reason: string;
  readonly retryAt: Millis | null;
  readonly now: Millis;
  /** What is kept with the attempt. Without it the failure counts as transient. */
  readonly evidence?: Evidence;
}

export interface LedgerStore {
  /** Creates a run. Steps whose key exists are shared: already succeeded ones count as done. Resolves to the run's id. Idempotent per (asset, pipeline, version). */
  startRun(assetId: Sha256, plan: RunPlan, now: Millis): Promise<string>;
  /**
   * Takes the due pending step of the highest priority (then oldest): state running, attempt + 1, fence + 1, lease to the holder.
   * Null when none is due. Two claims never get the same step, and never do more steps of a class run than `clusterLimits` says, however many
   * claims are made at once (if all say the same). A step whose lease has run out counts until it is taken back.
   */
  claim(request: ClaimRequest): Promise<Claim | null>;
  /** Takes the step with that key, as `claim` would, if it is due and its class has a place. */
  claimKey(key: string, request: KeyClaimRequest): Promise<KeyClaim>;
  /** Due steps of classes that are not paused, for whoever makes sure that each of them is delivered. */
  dueSteps(page: DuePage): Promise<readonly DueStep[]>;
  /** Extends the lease and records progress (0 … 1). */
  heartbeat(key: string, fence: number, until: Millis, progress: number): Promise<Outcome>;
  /** Records progress and what the attempt logged so far, with an event if listeners are to be told. Extends nothing. */
  report(key: string, fence: number, report: Report): Promise<Outcome>;
  /**
   * Records the result, its artifacts and the event; unblocks dependants; ends the run when it was the last. Steps that want this one and
   * went on without it are to be done again, with what depends on them; their results so far are void. One transaction, durable when it resolves.
   */
  succeed(
    key: string,
    fence: number,
    result: {
      readonly output: Readonly<Record<string, unknown>>;
      readonly artifacts: readonly Artifact[];
      readonly now: Millis;
    },
  ): Promise<Outcome>;
  /** Skips the step with a reason. What needs it can run, and decides itself what it can do without; the run can still succeed. */
  skip(key: string, fence: number, skip: Skip): Promise<Outcome>;
  /** Back to pending at `retryAt`, or failed for good when that is null: then what needs it is skipped, what wants it goes on, and the run ends failed. */
  fail(key: string, fence: number, failure: StepFailure): Promise<Outcome>;
  /** Back to pending at once, because its holder stops in order; the attempt does not count. Cancelled instead, if that was asked for. */
  release(key: string, fence: number, now: Millis): Promise<Outcome>;
  /**
   * Running steps of `holder` (a restarted node's own) go back to pending at once. That costs them no attempt; one that had the node to itself as often
   * as it may be tried, or was there at ten deaths, fails (core/node-deaths.ts). Resolves to how many.
   */
  reclaimHolder(holder: string, now: Millis): Promise<number>;
  /** Running steps whose lease ended go back to pending in the same way. Resolves to how many. */
  reclaimExpired(now: Millis): Promise<number>;
  /** The steps that the holder works on and is to let go of, because somebody asked for them to be cancelled. */
  cancelAsked(holder: string): Promise<readonly { readonly key: string; readonly fence: number }[]>;
  /** Puts failed, cancelled and skipped steps of a run back to pending with fresh attempts: what was missing may be there now. False when there are none. */
  retryRun(runId: string, now: Millis): Promise<boolean>;

  findRun(id: string): Promise<RunWithSteps | null>;
  runsOf(assetId: Sha256): Promise<RunWithSteps[]>;
  listRuns(query: {
    /** Only runs on assets of this principal, under the names that it gave them. */
    readonly principal?: string;
    readonly since?: Millis;
    readonly state?: Run['state'];
    readonly pipeline?: string;
    readonly limit: number;
    readonly cursor?: string;
  }): Promise<Page<RunWithSteps>>;
  artifacts(assetId: Sha256): Promise<Artifact[]>;
  /** Every recorded artifact, in (step, name) order, for `verify`. */
  allArtifacts(after: { readonly stepKey: string; readonly name: string } | null, limit: number): Promise<Artifact[]>;
  countByState(): Promise<Readonly<Partial<Record<StepState, number>>>>;
  /** When the next pending step of a class that is not paused is due; null when there is none. */
  nextDue(): Promise<Millis | null>;
}
