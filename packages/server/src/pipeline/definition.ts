/**
 * Pipelines and steps as data. A step's parameters are checked against its schema when a run is planned and again when it runs
 * (they come back from the database), so `run` gets them typed.
 */

import { createHash } from 'node:crypto';
import type { Static, TSchema } from 'typebox';
import { Value } from 'typebox/value';
import type { Asset, AssetOrigin } from '../core/asset.ts';
import { invariant } from '../core/errors.ts';
import type { Applies } from './applies.ts';
import { canonicalJson } from './canonical-json.ts';
import type { StepContext, StepResult } from './context.ts';
import { PermanentStepError } from './context.ts';

/** The pause after the nth failed attempt: initial × factor^(n-1), at most `maxMs`, of which up to the share `jitter` is taken off at random. */
export interface Backoff {
  readonly initialMs: number;
  readonly factor: number;
  readonly maxMs: number;
  /** 0 … 1 */
  readonly jitter: number;
}

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
  /** Pauses between attempts; the runner's own when left out. */
  readonly backoff?: Backoff;
  /** An attempt that gets nowhere for this long (no progress, no log line, no output or processor time of its programs) is stopped and tried again. Default: 15 minutes while a program runs. */
  readonly stallMs?: number;
  /** Steps of the same pipeline, listed before this one, whose results it reads. */
  readonly needs: readonly string[];
  /**
   * Steps whose results it uses when there are any: it waits until they ended, in whatever way. One that is not in the pipeline, or does not
   * apply to the asset, is no input.
   */
  readonly wants: readonly string[];
  readonly params: Readonly<Record<string, unknown>>;
  readonly paramsSchema: TSchema;
  /**
   * Parameters that follow from how the asset came in (newest first): they take the place of those above, for this asset, and are part of its
   * keys. A step itself sees no origins, so that nothing goes into a result that is not in its key.
   */
  readonly fromOrigins?: (origins: readonly AssetOrigin[]) => Readonly<Record<string, unknown>>;
  /**
   * `code`: part of Holdfast, does any parameters that fit the schema. `command`: its parameters name a program, so it does only these very
   * ones: a step that the ledger remembers from an older configuration is not run.
   */
  readonly kind: 'code' | 'command';
  appliesTo(asset: Asset): boolean;
  run(context: StepContext): Promise<StepResult>;
}

export interface Pipeline {
  readonly name: string;
  /** Follows from what its steps do: another version may have other results. */
  readonly version: string;
  readonly applies: Applies;
  readonly steps: readonly StepDefinition[];
}

type Params<S extends TSchema> = Static<S> & Readonly<Record<string, unknown>>;

interface TypedStep<S extends TSchema>
  extends Omit<StepDefinition, 'params' | 'fromOrigins' | 'run' | 'wants' | 'kind'> {
  /** None when left out. */
  readonly wants?: readonly string[];
  readonly paramsSchema: S;
  readonly params: Params<S>;
  readonly fromOrigins?: (origins: readonly AssetOrigin[]) => Partial<Params<S>>;
  run(context: StepContext<Params<S>>): Promise<StepResult>;
}

/** A step whose parameters have the type of their schema. */
export function defineStep<S extends TSchema>(step: TypedStep<S>): StepDefinition {
  return {
    ...step,
    wants: step.wants ?? [],
    kind: 'code',
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

/** A pipeline whose steps fit together; a mistake in it is a programmer error and throws. Definition files are checked before. */
export function definePipeline(pipeline: {
  readonly name: string;
  readonly version?: string;
  readonly applies?: Applies;
  readonly steps: readonly StepDefinition[];
}): Pipeline {
  const names = new Set(pipeline.steps.map((step) => step.name));
  const seen = new Set<string>();
  for (const step of pipeline.steps) {
    invariant(!seen.has(step.name), `step ${step.name} is listed once`);
    for (const need of step.needs) invariant(seen.has(need), `${step.name} needs ${need}, listed before it`);
    for (const want of step.wants)
      invariant(seen.has(want) || !names.has(want), `${step.name} wants ${want}, listed before it`);
    invariant(!step.wants.some((want) => step.needs.includes(want)), `${step.name} wants only what it does not need`);
    invariant(Value.Check(step.paramsSchema, step.params), `parameters of ${step.name} fit their schema`);
    invariant(step.attemptsMax >= 1 && step.timeoutMs >= 1, `limits of ${step.name} are positive`);
    seen.add(step.name);
  }
  return { applies: {}, version: digestOf(pipeline), ...pipeline };
}

/** Covers what can change a result, and not how steps are scheduled and tried again. */
function digestOf(pipeline: { readonly name: string; readonly steps: readonly StepDefinition[] }): string {
  const steps = pipeline.steps.map(({ name, version, params, needs, wants }) => ({
    name,
    version,
    params,
    needs,
    wants,
  }));
  const text = canonicalJson({ name: pipeline.name, steps });
  return createHash('sha256').update(text).digest('hex').slice(0, 12);
}
