/**
 * Pipelines and steps as data. A step's parameters are checked against its schema when a run is planned and again when it runs
 * (they come back from the database), so `run` gets them typed.
 */
import type { Static, TSchema } from 'typebox';
import { Value } from 'typebox/value';
import type { Asset } from '../core/asset.ts';
import { invariant } from '../core/errors.ts';
import type { StepContext, StepResult } from './context.ts';
import { PermanentStepError } from './context.ts';

export interface StepDefinition {
  readonly name: string;
  /** Raise it when the result would differ: this step and what depends on it are then done again, nothing else. */
  readonly version: string;
  /** Concurrency class: steps of one class share a limit of the runner. */
  readonly class: string;
  /** Higher runs first. */
  readonly priority: number;
  readonly attemptsMax: number;
  readonly timeoutMs: number;
  /** An attempt that gets nowhere for this long (no progress, no output, no processor time of its programs) is stopped and tried again. Default 15 minutes. */
  readonly stallMs?: number;
  /** Steps of the same pipeline, listed before this one, whose results it reads. */
  readonly needs: readonly string[];
  readonly params: Readonly<Record<string, unknown>>;
  readonly paramsSchema: TSchema;
  appliesTo(asset: Asset): boolean;
  run(context: StepContext): Promise<StepResult>;
}

export interface Pipeline {
  readonly name: string;
  readonly version: string;
  readonly steps: readonly StepDefinition[];
}

type Params<S extends TSchema> = Static<S> & Readonly<Record<string, unknown>>;

interface TypedStep<S extends TSchema> extends Omit<StepDefinition, 'params' | 'run'> {
  readonly paramsSchema: S;
  readonly params: Params<S>;
  run(context: StepContext<Params<S>>): Promise<StepResult>;
}

/** A step whose parameters have the type of their schema. */
export function defineStep<S extends TSchema>(step: TypedStep<S>): StepDefinition {
  return {
    ...step,
    appliesTo: (asset) => step.appliesTo(asset),
    run(context) {
      const params: unknown = context.params;
      if (!Value.Check(step.paramsSchema, params)) {
        return Promise.reject(new PermanentStepError(`The parameters of ${step.name} are not valid.`));
      }
      return step.run({ ...context, params: params as Params<S> });
    },
  };
}

/** A pipeline whose steps fit together; a mistake in it is a programmer error (or a configuration's) and throws. */
export function definePipeline(pipeline: Pipeline): Pipeline {
  const seen = new Set<string>();
  for (const step of pipeline.steps) {
    invariant(!seen.has(step.name), `step ${step.name} is listed once`);
    for (const need of step.needs) invariant(seen.has(need), `${step.name} needs ${need}, listed before it`);
    invariant(Value.Check(step.paramsSchema, step.params), `parameters of ${step.name} fit their schema`);
    invariant(step.attemptsMax >= 1 && step.timeoutMs >= 1, `limits of ${step.name} are positive`);
    seen.add(step.name);
  }
  return pipeline;
}
