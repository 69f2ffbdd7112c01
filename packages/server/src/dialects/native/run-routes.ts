/** /v1/runs: what the pipeline does and did. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { HoldfastError } from '../../core/errors.ts';
import type { RunWithSteps } from '../../core/ledger.ts';
import type { NativeContext } from './context.ts';
import { renderRun } from './render.ts';

const Id = Type.Object({ id: Type.String({ maxLength: 64 }) });
const tags = ['runs'];

export function runRoutes(context: NativeContext): FastifyPluginAsyncTypebox {
  return async (app) => {
    const query = Type.Object({
      since: Type.Optional(Type.String({ format: 'date-time', description: 'Created at or after.' })),
      state: Type.Optional(Type.Union([Type.Literal('running'), Type.Literal('succeeded'), Type.Literal('failed')])),
      limit: Type.Integer({ minimum: 1, maximum: 200, default: 50 }),
      cursor: Type.Optional(Type.String({ maxLength: 512 })),
    });
    app.get(
      '/v1/runs',
      { schema: { tags, summary: 'List, newest first', querystring: query, response: { 200: Type.Ref('RunList') } } },
      async (request) => {
        const { since, ...filter } = request.query;
        const page = await context.ledger.listRuns({
          ...filter,
          principal: context.principal(request),
          ...(since === undefined ? {} : { since: Date.parse(since) }),
        });
        return { items: page.items.map(renderRun), cursor: page.cursor };
      },
    );
    const response = { 200: Type.Ref('Run'), '4xx': Type.Ref('Problem') };
    app.get(
      '/v1/runs/:id',
      { schema: { tags, summary: 'One run with its steps', params: Id, response } },
      async (request) => renderRun(await ownedRun(context, request.params.id, context.principal(request))),
    );
    app.post(
      '/v1/runs/:id/retry',
      { schema: { tags, summary: 'Failed steps again', params: Id, response } },
      async (request) => {
        const principal = context.principal(request);
        const run = await ownedRun(context, request.params.id, principal);
        await context.ledger.retryRun(run.id, context.now());
        context.notifyPipeline();
        return renderRun(await ownedRun(context, run.id, principal));
      },
    );
  };
}

/** The run, if the principal owns its asset. Throws `run-not-found`. */
export async function ownedRun(context: NativeContext, id: string, principal: string): Promise<RunWithSteps> {
  const run = await context.ledger.findRun(id);
  const asset = run ? await context.store.findAsset(run.assetId, principal) : null;
  if (!run || !asset) throw new HoldfastError('run-not-found', `There is no run ${id} here.`);
  return run;
}
