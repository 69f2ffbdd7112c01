/** /v1/pipelines: definitions, what they would do over the library, and doing it. For administrators only. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type * as wire from '@holdfast/protocol';
import { Type } from 'typebox';
import { HoldfastError } from '../../core/errors.ts';
import type { ForecastPage, PipelineView, Selection } from '../../core/ports/pipeline-admin.ts';
import type { NativeContext } from './context.ts';

const tags = ['pipelines'];
const problem = { '4xx': Type.Ref('Problem') };
const pageAssets = 100;
/** Of a plan's request, which brings definition files. */
const planBytesMax = 1024 * 1024;

export function pipelineRoutes(context: NativeContext): FastifyPluginAsyncTypebox {
  const { pipelines } = context;
  return async (app) => {
    // Plans tell of everybody's assets, and definitions of the programs of the machine.
    app.addHook('preValidation', async (request) => {
      const principal = context.principal(request);
      if (context.isAdmin(principal)) return;
      throw new HoldfastError(
        'forbidden',
        `Pipelines are looked after by administrators, and ${principal} is none. The setting "admins" (HOLDFAST_ADMINS) names them.`,
      );
    });
    app.get(
      '/v1/pipelines',
      { schema: { tags, summary: 'What happens to assets', response: { 200: Type.Ref('PipelineList'), ...problem } } },
      async (): Promise<wire.PipelineList> => ({ items: pipelines.pipelines().map(renderPipeline) }),
    );
    app.post(
      '/v1/pipelines/plan',
      {
        bodyLimit: planBytesMax,
        schema: {
          tags,
          summary: 'What would run over the library, and why, page by page',
          body: Type.Ref('PlanPipelines'),
          response: { 200: Type.Ref('PipelinePlan'), ...problem },
        },
      },
      async (request) => {
        const body = request.body as wire.PlanPipelines;
        return renderPlan(await pipelines.plan(selectionOf(body), body.files ?? null));
      },
    );
    app.post(
      '/v1/pipelines/apply',
      {
        schema: {
          tags,
          summary: 'Start what a plan says, page by page; safe to repeat',
          body: Type.Ref('ApplyPipelines'),
          response: { 200: Type.Ref('PipelinePlan'), ...problem },
        },
      },
      async (request) => renderPlan(await pipelines.apply(selectionOf(request.body as wire.ApplyPipelines))),
    );
  };
}

function selectionOf({ assetId, since, pipeline, limit = pageAssets, cursor }: wire.ApplyPipelines): Selection {
  return {
    limit,
    ...(assetId === undefined ? {} : { assetId }),
    ...(since === undefined ? {} : { since: Date.parse(since) }),
    ...(pipeline === undefined ? {} : { pipeline }),
    ...(cursor === undefined ? {} : { cursor }),
  };
}

function renderPipeline({ name, version, applies, steps }: PipelineView): wire.Pipeline {
  return {
    name,
    version,
    applies: { ...applies },
    steps: steps.map(({ timeoutMs, ...step }) => ({
      ...step,
      needs: [...step.needs],
      wants: [...step.wants],
      params: { ...step.params },
      timeoutSeconds: timeoutMs / 1_000,
    })),
  };
}

function renderPlan({ items, looked, cursor }: ForecastPage): wire.PipelinePlan {
  return { items: items.map((item) => ({ ...item, steps: item.steps.map((step) => ({ ...step })) })), looked, cursor };
}
