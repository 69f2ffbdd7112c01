/** /v1/runs: what the pipeline does and did, and doing something about it. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { errorClasses, type RetryFailed, runStates } from '@holdfast/protocol';
import { Type } from 'typebox';
import { HoldfastError } from '../../core/errors.ts';
import type { RunWithSteps } from '../../core/ledger.ts';
import type { FailedSteps } from '../../core/ports/run-control.ts';
import type { NativeContext } from './context.ts';
import { renderRun } from './render.ts';
import { renderAttempt } from './run-render.ts';
import { reachableRun, ScopeQuery, scopeOf } from './scope.ts';

const Id = Type.Object({ id: Type.String({ maxLength: 64 }) });
const tags = ['runs'];
const problems = { '4xx': Type.Ref('Problem'), '5xx': Type.Ref('Problem') };
const waitSecondsDefault = 20;
const weekMs = 7 * 86_400_000;

export const Since = Type.String({ format: 'date-time' });

export function runRoutes(context: NativeContext): FastifyPluginAsyncTypebox {
  return async (app) => {
    const query = Type.Object({
      since: Type.Optional(Type.String({ format: 'date-time', description: 'Created at or after.' })),
      state: Type.Optional(Type.Union(runStates.map((state) => Type.Literal(state)))),
      pipeline: Type.Optional(Type.String({ maxLength: 200 })),
      scope: ScopeQuery,
      limit: Type.Integer({ minimum: 1, maximum: 200, default: 50 }),
      cursor: Type.Optional(Type.String({ maxLength: 512 })),
    });
    app.get(
      '/v1/runs',
      {
        schema: {
          tags,
          summary: 'List, newest first',
          querystring: query,
          response: { 200: Type.Ref('RunList'), ...problems },
        },
      },
      async (request) => {
        const { since, scope, state, ...filter } = request.query;
        const page = await context.ledger.listRuns({
          ...filter,
          ...scopeOf(context, request, scope),
          ...(state === undefined ? {} : { state: state as RunWithSteps['state'] }),
          ...(since === undefined ? {} : { since: Date.parse(since) }),
        });
        return { items: page.items.map(renderRun), cursor: page.cursor };
      },
    );

    await app.register(oneRunRoutes(context));
    await app.register(runCommands(context));
  };
}

function oneRunRoutes(context: NativeContext): FastifyPluginAsyncTypebox {
  return async (app) => {
    const summary = Type.Object({
      since: Type.Optional(Type.String({ format: 'date-time', description: 'Ended at or after; default a week ago.' })),
      scope: ScopeQuery,
    });
    app.get(
      '/v1/runs/summary',
      {
        schema: {
          tags,
          summary: 'How many runs ended, by pipeline and state',
          querystring: summary,
          response: { 200: Type.Ref('RunSummary'), ...problems },
        },
      },
      async (request) => {
        const since = sinceOf(context, request.query.since);
        const items = await context.questions.ended({ ...scopeOf(context, request, request.query.scope), since });
        return { since: new Date(since).toISOString(), items };
      },
    );

    const response = { 200: Type.Ref('Run'), ...problems };
    app.get(
      '/v1/runs/:id',
      { schema: { tags, summary: 'One run with its steps', params: Id, response } },
      async (request) => renderRun(await reachableRun(context, request.params.id, context.principal(request))),
    );
    app.get(
      '/v1/runs/:id/attempts',
      {
        schema: {
          tags,
          summary: 'History of its steps: every attempt, with log and standard error',
          params: Id,
          response: { 200: Type.Ref('AttemptList'), ...problems },
        },
      },
      async (request) => {
        const run = await reachableRun(context, request.params.id, context.principal(request));
        const names = new Map(run.steps.map((step) => [step.key, step.name]));
        const position = new Map(run.steps.map((step, i) => [step.key, i]));
        const attempts = await context.questions.attempts([...names.keys()]);
        attempts.sort((a, b) => (position.get(a.stepKey) ?? 0) - (position.get(b.stepKey) ?? 0) || a.number - b.number);
        return { items: attempts.map((attempt) => renderAttempt(attempt, names.get(attempt.stepKey) ?? '')) };
      },
    );
  };
}

function runCommands(context: NativeContext): FastifyPluginAsyncTypebox {
  return async (app) => {
    app.post(
      '/v1/runs/retry',
      {
        schema: {
          tags,
          summary: 'Failed steps again: those of a kind, or all',
          body: Type.Ref('RetryFailed'),
          response: { 200: Type.Ref('Retried'), ...problems },
        },
      },
      async (request) => {
        const order = request.body as RetryFailed;
        const which = { ...failedSteps(order), ...scopeOf(context, request, order.scope) };
        const by = context.principal(request);
        const retried = await context.control.retryFailed(which, { by, now: context.now() });
        if (retried > 0) context.notifyPipeline();
        return { retried };
      },
    );

    const response = { 200: Type.Ref('Run'), ...problems };
    app.post(
      '/v1/runs/:id/retry',
      { schema: { tags, summary: 'Failed, cancelled and skipped steps again', params: Id, response } },
      async (request) => {
        const principal = context.principal(request);
        const run = await reachableRun(context, request.params.id, principal);
        await context.ledger.retryRun(run.id, context.now());
        context.notifyPipeline();
        return renderRun(await reachableRun(context, run.id, principal));
      },
    );

    const wait = Type.Object({
      wait: Type.Integer({ minimum: 0, maximum: 60, default: waitSecondsDefault, description: 'Seconds.' }),
    });
    app.post(
      '/v1/runs/:id/cancel',
      {
        schema: {
          tags,
          summary: 'Cancel, and wait until nothing of it runs any more',
          params: Id,
          querystring: wait,
          response: { 200: Type.Ref('Run'), 202: Type.Ref('Run'), ...problems },
        },
      },
      async (request, reply) => {
        const principal = context.principal(request);
        const { id } = await reachableRun(context, request.params.id, principal);
        await context.control.cancelRun(id, { by: principal, now: context.now() });
        context.notifyPipeline();
        const ended = async () => (await context.ledger.findRun(id))?.state !== 'running';
        await context.until(ended, request.query.wait * 1000);
        const run = renderRun(await reachableRun(context, id, principal));
        return reply.code(run.state === 'running' ? 202 : 200).send(run);
      },
    );
  };
}

/** Throws `invalid-request` for an order that does not say what, so that a forgotten field does not mean everything. */
function failedSteps({ all, step, pipeline, errorClass, reason, since }: RetryFailed): FailedSteps {
  const some = [step, pipeline, errorClass, reason, since].some((one) => one !== undefined);
  if (some === (all === true))
    throw new HoldfastError(
      'invalid-request',
      `Say which failed steps to try again: step, pipeline, errorClass (${errorClasses.join(', ')}), reason, since, or several of them; or all, and nothing else.`,
    );
  return {
    ...(step === undefined ? {} : { step }),
    ...(pipeline === undefined ? {} : { pipeline }),
    ...(errorClass === undefined ? {} : { errorClass }),
    ...(reason === undefined ? {} : { reason }),
    ...(since === undefined ? {} : { since: Date.parse(since) }),
  };
}

export function sinceOf(context: NativeContext, since: string | undefined): number {
  return since === undefined ? context.now() - weekMs : Date.parse(since);
}
