/** From a pipeline's definition to what the ledger stores. */
import { createHash } from 'node:crypto';
import type { Asset, AssetOrigin } from '../core/asset.ts';
import type { RunPlan, StepPlan } from '../core/ledger.ts';
import type { Sha256 } from '../core/upload.ts';
import { applies } from './applies.ts';
import { canonicalJson } from './canonical-json.ts';
import type { Pipeline } from './definition.ts';

export interface StepIdentity {
  readonly assetId: Sha256;
  readonly name: string;
  readonly version: string;
  readonly params: Readonly<Record<string, unknown>>;
  /** Keys of the steps that it needs, in the order in which it names them. */
  readonly inputs: readonly string[];
  /** Keys of the steps that it wants, by name; left out when there are none. */
  readonly wants?: Readonly<Record<string, string>>;
}

/** The same key is the same result, so it is computed once. */
export function stepKey({ assetId, name, version, params, inputs, wants }: StepIdentity): string {
  const text = canonicalJson({ assetId, name, version, params, inputs, wants });
  return createHash('sha256').update(text).digest('hex');
}

/**
 * The steps that apply to the asset; one that needs a step that does not apply does not apply either. `origins`: the ways by which it came in,
 * newest first.
 */
export function planRun(pipeline: Pipeline, asset: Asset, origins: readonly AssetOrigin[] = []): RunPlan {
  const planned = new Map<string, StepPlan>();
  const said: Record<string, StepPlan['params']> = {};
  for (const step of pipeline.steps) {
    const inputs = step.needs.map((need) => planned.get(need)?.key);
    const keys = inputs.filter((key) => key !== undefined);
    if (keys.length < inputs.length || !step.appliesTo(asset)) continue;
    const { name, version } = step;
    const params = { ...step.params, ...step.fromOrigins?.(origins) };
    if (canonicalJson(params) !== canonicalJson(step.params)) said[name] = params;
    const wanted = step.wants.flatMap((want) => {
      const key = planned.get(want)?.key;
      return key === undefined ? [] : [[want, key] as const];
    });
    const wants = wanted.length === 0 ? {} : { wants: Object.fromEntries(wanted) };
    planned.set(name, {
      key: stepKey({ assetId: asset.id, name, version, params, inputs: keys, ...wants }),
      name,
      version,
      params,
      class: step.class,
      priority: step.priority,
      attemptsMax: step.attemptsMax,
      timeoutMs: step.timeoutMs,
      needs: step.needs,
      wants: wanted.map(([want]) => want),
    });
  }
  return {
    pipeline: pipeline.name,
    pipelineVersion: versionWith(pipeline.version, said),
    steps: [...planned.values()],
  };
}

/** An asset has one run of a version; with other parameters it is another one. */
function versionWith(version: string, said: Readonly<Record<string, StepPlan['params']>>): string {
  if (Object.keys(said).length === 0) return version;
  const digest = createHash('sha256').update(canonicalJson(said)).digest('hex').slice(0, 6);
  return `${version}+${digest}`;
}

/** Plans of all pipelines that have something to do for an asset that came in like this. */
export function planRuns(pipelines: readonly Pipeline[], asset: Asset, origins: readonly AssetOrigin[]): RunPlan[] {
  return pipelines
    .filter((pipeline) => applies(pipeline.applies, asset, origins))
    .map((pipeline) => planRun(pipeline, asset, origins))
    .filter((plan) => plan.steps.length > 0);
}
