/**
 * The pipeline's records: run (one pipeline on one asset), step (one unit of work, identified by what goes into it, so that it is
 * computed once), artifact (a file that a step produced).
 */
import type { ErrorClass } from './attempt-record.ts';
import { invariant } from './errors.ts';
import type { Millis, Sha256 } from './upload.ts';

/** What is to be done for one asset, as planned from a pipeline's definition. */
export interface RunPlan {
  readonly pipeline: string;
  readonly pipelineVersion: string;
  readonly steps: readonly StepPlan[];
}

export interface StepPlan {
  /** SHA-256 over (asset, step name, version, canonical parameters, keys of what it needs and wants): the same key is the same result. */
  readonly key: string;
  readonly name: string;
  readonly version: string;
  readonly params: Readonly<Record<string, unknown>>;
  /** Concurrency class: steps of one class share a limit. */
  readonly class: string;
  /** Higher runs first. */
  readonly priority: number;
  readonly attemptsMax: number;
  readonly timeoutMs: number;
  /** Names of steps of the same run whose results it needs. */
  readonly needs: readonly string[];
  /** Names of steps of the same run whose results it uses when there are any; it waits until they ended in whatever way. */
  readonly wants: readonly string[];
}

/**
 * blocked → pending → running → succeeded | skipped | failed | cancelled; running → pending again (retry, or its holder died).
 * A step whose needed input is failed ends `skipped` with that reason, one whose needed input was cancelled ends `cancelled`. Failed, skipped
 * and cancelled steps go back to blocked when somebody asks for a retry. A step that ended, or runs, without an input that it wants goes back
 * to `blocked` when that input succeeds after all, and so does what depends on it.
 */
export type StepState = 'blocked' | 'pending' | 'running' | 'succeeded' | 'skipped' | 'failed' | 'cancelled';
/** What a machine may be without: a step that was skipped for want of it is done once a node starts that has it. */
export type Lack = 'media-tools';
export type RunState = 'running' | 'succeeded' | 'failed' | 'cancelled';

export interface Step {
  readonly key: string;
  readonly assetId: Sha256;
  readonly name: string;
  readonly version: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly class: string;
  readonly priority: number;
  readonly state: StepState;
  /** Attempts started. */
  readonly attempt: number;
  readonly attemptsMax: number;
  readonly timeoutMs: number;
  /** Rises with every claim; a write under an older one is refused. */
  readonly fence: number;
  readonly leaseHolder: string | null;
  readonly leaseUntil: Millis | null;
  readonly notBefore: Millis;
  /** 0 … 1 within the running attempt. */
  readonly progress: number;
  /** The step's result as JSON; null until it succeeded. */
  readonly output: Readonly<Record<string, unknown>> | null;
  /** Why it failed, was skipped or cancelled, or is tried again, for people. */
  readonly reason: string | null;
  /** What kind of failure the reason is; null when it is none. */
  readonly errorClass: ErrorClass | null;
  /** When somebody asked for it to be cancelled while it ran; it is cancelled once its holder has let go. */
  readonly cancelAskedAt: Millis | null;
  readonly createdAt: Millis;
  readonly startedAt: Millis | null;
  readonly finishedAt: Millis | null;
}

export interface Run {
  readonly id: string;
  readonly assetId: Sha256;
  /** Display name of the asset (newest source, or newest of the principal that asks), made safe. */
  readonly assetName: string;
  readonly pipeline: string;
  readonly pipelineVersion: string;
  readonly state: RunState;
  /** When somebody asked for it to be cancelled; it is cancelled once the last of its running steps has let go. */
  readonly cancelAskedAt: Millis | null;
  readonly createdAt: Millis;
  readonly finishedAt: Millis | null;
}

export interface RunWithSteps extends Run {
  /** In the order of the plan. */
  readonly steps: readonly Step[];
}

/** A file that a step produced, already durable in the artifact store. */
export interface Artifact {
  readonly stepKey: string;
  /** Unique within its step: `talk.analytic.json`, `shot-0001.jpg`. */
  readonly name: string;
  readonly contentType: string;
  readonly size: number;
  readonly sha256: Sha256;
}

/** Every step has its own name and key, and no step waits for itself: otherwise the run would never end. */
export function assertPlan(plan: RunPlan): void {
  const names = new Set(plan.steps.map((step) => step.name));
  const keys = new Set(plan.steps.map((step) => step.key));
  invariant(
    names.size === plan.steps.length && keys.size === plan.steps.length,
    `each step is in the plan ${plan.pipeline} once`,
  );
  const inputs = (step: StepPlan) => [...step.needs, ...step.wants];
  for (const step of plan.steps) {
    for (const input of inputs(step))
      invariant(names.has(input), `${input}, which ${step.name} waits for, is in the plan ${plan.pipeline}`);
    invariant(
      new Set(inputs(step)).size === inputs(step).length,
      `${step.name} names each of its inputs once, as needed or as wanted`,
    );
  }
  let waiting = plan.steps;
  while (waiting.length > 0) {
    const open = new Set(waiting.map((step) => step.name));
    const still = waiting.filter((step) => inputs(step).some((input) => open.has(input)));
    invariant(still.length < waiting.length, `no step of the plan ${plan.pipeline} waits for itself`);
    waiting = still;
  }
}
