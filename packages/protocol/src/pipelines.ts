/** /v1/pipelines: definitions, and what they would do over the library. */
import { type Static, Type } from 'typebox';

const Json = Type.Record(Type.String(), Type.Unknown());

export const PipelineStep = Type.Object({
  name: Type.String(),
  version: Type.String(),
  kind: Type.Union([Type.Literal('code'), Type.Literal('command')], {
    description: 'One of the steps that Holdfast has, or a program of the operator.',
  }),
  needs: Type.Array(Type.String()),
  wants: Type.Array(Type.String()),
  params: Json,
  class: Type.String(),
  priority: Type.Integer(),
  attemptsMax: Type.Integer(),
  timeoutSeconds: Type.Number(),
});
export type PipelineStep = Omit<Static<typeof PipelineStep>, 'kind'> & { kind: 'code' | 'command' };

export const Pipeline = Type.Object(
  {
    name: Type.String(),
    version: Type.String({ description: 'Follows from the definition.' }),
    applies: Json,
    steps: Type.Array(PipelineStep),
  },
  { $id: 'Pipeline' },
);
export type Pipeline = Omit<Static<typeof Pipeline>, 'steps'> & { steps: PipelineStep[] };
export const PipelineList = Type.Object({ items: Type.Array(Pipeline) }, { $id: 'PipelineList' });
export type PipelineList = { items: Pipeline[] };

const selection = {
  assetId: Type.Optional(Type.String({ pattern: '^[0-9a-f]{64}$', description: 'Only this asset.' })),
  since: Type.Optional(
    Type.String({ format: 'date-time', description: 'Only assets that came in first at or after this time.' }),
  ),
  pipeline: Type.Optional(Type.String({ maxLength: 64, description: 'Only this pipeline.' })),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 200, description: 'Assets to look at. Default 100.' })),
  cursor: Type.Optional(Type.String({ pattern: '^[0-9a-f]{64}$', description: 'From the page before.' })),
};

export const ApplyPipelines = Type.Object(selection, { $id: 'ApplyPipelines', additionalProperties: false });
export type ApplyPipelines = Static<typeof ApplyPipelines>;

export const PlanPipelines = Type.Object(
  {
    ...selection,
    files: Type.Optional(
      Type.Array(
        Type.Object(
          { name: Type.String({ minLength: 1, maxLength: 1_024 }), text: Type.String({ maxLength: 512 * 1_024 }) },
          { additionalProperties: false },
        ),
        {
          minItems: 1,
          maxItems: 64,
          description: "Definition files (YAML) to plan with in place of the server's own.",
        },
      ),
    ),
  },
  { $id: 'PlanPipelines', additionalProperties: false },
);
export type PlanPipelines = Static<typeof PlanPipelines>;

const actions = ['run', 'taken', 'under-way', 'stays'] as const;

export const PlannedRun = Type.Object({
  assetId: Type.String(),
  assetName: Type.String(),
  pipeline: Type.String(),
  pipelineVersion: Type.String(),
  runId: Type.Union([Type.String(), Type.Null()], { description: 'The run that was started; null in a plan.' }),
  steps: Type.Array(
    Type.Object({
      name: Type.String(),
      action: Type.Union(
        actions.map((action) => Type.Literal(action)),
        { description: 'run; taken: the ledger has it; under-way; stays: it failed or was skipped as it is.' },
      ),
      why: Type.String({ description: 'new, version 1 → 2, parameters changed: …, input … changed' }),
    }),
  ),
});
export type PlannedRun = Omit<Static<typeof PlannedRun>, 'steps'> & {
  steps: { name: string; action: (typeof actions)[number]; why: string }[];
};

export const PipelinePlan = Type.Object(
  {
    items: Type.Array(PlannedRun, { description: 'Runs with a step to run.' }),
    looked: Type.Integer({ description: 'Assets that were looked at.' }),
    cursor: Type.Union([Type.String(), Type.Null()], { description: 'For the next page; null on the last.' }),
  },
  { $id: 'PipelinePlan' },
);
export type PipelinePlan = { items: PlannedRun[]; looked: number; cursor: string | null };
