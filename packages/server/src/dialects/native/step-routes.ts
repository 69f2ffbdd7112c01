/** /v1/steps: what runs, what waits and why, what failed and why, and how long it takes. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { errorClasses } from '@holdfast/protocol';
import { Type } from 'typebox';
import { isErrorClass } from '../../core/attempt-record.ts';
import { HoldfastError } from '../../core/errors.ts';
import type { FailedSteps } from '../../core/ports/run-control.ts';
import type { PlacedStep } from '../../core/ports/run-questions.ts';
import type { NativeContext } from './context.ts';
import { renderAttempt, renderDuration, renderFailures, renderPlaced, waitsOf } from './run-render.ts';
import { Since, sinceOf } from './run-routes.ts';
import { reachable, ScopeQuery, scopeOf } from './scope.ts';

const Key = Type.Object({ key: Type.String({ maxLength: 128 }) });
const tags = ['steps'];
const problems = { '4xx': Type.Ref('Problem'), '5xx': Type.Ref('Problem') };

const which = {
  step: Type.Optional(Type.String({ maxLength: 200, description: 'Name of the step.' })),
  pipeline: Type.Optional(Type.String({ maxLength: 200 })),
  errorClass: Type.Optional(Type.String({ enum: [...errorClasses] })),
  reason: Type.Optional(Type.String({ minLength: 1, maxLength: 1000, description: 'Part of it, whatever its case.' })),
  since: Type.Optional(Since),
  scope: ScopeQuery,
};

export function stepRoutes(context: NativeContext): FastifyPluginAsyncTypebox {
  return async (app) => {
    const list = Type.Object({
      state: Type.Union([Type.Literal('running'), Type.Literal('waiting'), Type.Literal('failed')]),
      ...which,
      limit: Type.Integer({ minimum: 1, maximum: 200, default: 50 }),
      cursor: Type.Optional(Type.String({ maxLength: 512, description: 'Of failed steps.' })),
    });
    app.get(
      '/v1/steps',
      {
        schema: {
          tags,
          summary: 'Steps that run (longest first), wait (in their order, with the reason) or failed (newest first)',
          querystring: list,
          response: { 200: Type.Ref('PlacedStepList'), ...problems },
        },
      },
      async (request) => {
        const { state, limit, cursor, scope, ...filter } = request.query;
        const whose = scopeOf(context, request, scope);
        if (state === 'running') {
          const steps = await context.questions.running({ ...whose, limit });
          return { items: steps.map((step) => renderPlaced(step)), cursor: null };
        }
        if (state === 'waiting') return { items: await waiting(context, { ...whose, limit }), cursor: null };
        const query = { ...failedOf(filter), ...whose, limit, ...(cursor === undefined ? {} : { cursor }) };
        const page = await context.questions.failed(query);
        return { items: page.items.map((step) => renderPlaced(step)), cursor: page.cursor };
      },
    );

    app.get(
      '/v1/steps/failures',
      {
        schema: {
          tags,
          summary: 'Failed steps by step, class and reason, most frequent first',
          querystring: Type.Object(which),
          response: { 200: Type.Ref('FailureGroupList'), ...problems },
        },
      },
      async (request) => {
        const { scope, ...filter } = request.query;
        const query = { ...failedOf(filter), ...scopeOf(context, request, scope) };
        return { items: (await context.questions.failureGroups(query)).map(renderFailures) };
      },
    );

    await app.register(durationRoute(context));
    await app.register(oneStepRoutes(context));
  };
}

function durationRoute(context: NativeContext): FastifyPluginAsyncTypebox {
  return async (app) => {
    const durations = Type.Object({ since: Type.Optional(Since), step: which.step, scope: ScopeQuery });
    app.get(
      '/v1/steps/durations',
      {
        schema: {
          tags,
          summary: 'How long attempts that succeeded took, by step and version, and how long they waited',
          querystring: durations,
          response: { 200: Type.Ref('DurationList'), ...problems },
        },
      },
      async (request) => {
        const since = sinceOf(context, request.query.since);
        const { step, scope } = request.query;
        const query = { ...scopeOf(context, request, scope), since, ...(step === undefined ? {} : { step }) };
        const items = (await context.questions.durations(query)).map(renderDuration);
        return { since: new Date(since).toISOString(), items };
      },
    );
  };
}

function oneStepRoutes(context: NativeContext): FastifyPluginAsyncTypebox {
  const reachableStep = async (key: string, principal: string): Promise<PlacedStep> => {
    const placed = await context.questions.findStep(key);
    const reached = placed && (await reachable(context, placed, { assetId: placed.step.assetId, principal }));
    if (reached !== null) return reached;
    throw new HoldfastError('step-not-found', `There is no step ${key} here.`);
  };
  const response = { 200: Type.Ref('PlacedStep'), ...problems };
  return async (app) => {
    app.get('/v1/steps/:key', { schema: { tags, summary: 'One step', params: Key, response } }, async (request) =>
      renderPlaced(await reachableStep(request.params.key, context.principal(request))),
    );
    app.get(
      '/v1/steps/:key/attempts',
      {
        schema: {
          tags,
          summary: 'History: every attempt, with log and standard error',
          params: Key,
          response: { 200: Type.Ref('AttemptList'), ...problems },
        },
      },
      async (request) => {
        const { step } = await reachableStep(request.params.key, context.principal(request));
        const attempts = await context.questions.attempts([step.key]);
        return { items: attempts.map((attempt) => renderAttempt(attempt, step.name)) };
      },
    );
    app.post(
      '/v1/steps/:key/retry',
      { schema: { tags, summary: 'Again, with what it needs that did not succeed', params: Key, response } },
      async (request) => {
        const principal = context.principal(request);
        const { step } = await reachableStep(request.params.key, principal);
        await context.control.retryStep(step.key, { by: principal, now: context.now() });
        context.notifyPipeline();
        return renderPlaced(await reachableStep(step.key, principal));
      },
    );
    app.post(
      '/v1/steps/:key/cancel',
      {
        schema: {
          tags,
          summary: 'Cancel, and wait until it does not run any more; what needs it is cancelled, too',
          params: Key,
          querystring: Type.Object({ wait: Type.Integer({ minimum: 0, maximum: 60, default: 20 }) }),
          response: { ...response, 202: Type.Ref('PlacedStep') },
        },
      },
      async (request, reply) => {
        const principal = context.principal(request);
        const { step } = await reachableStep(request.params.key, principal);
        await context.control.cancelStep(step.key, { by: principal, now: context.now() });
        context.notifyPipeline();
        const ended = async () => (await context.questions.findStep(step.key))?.step.state !== 'running';
        await context.until(ended, request.query.wait * 1000);
        const after = renderPlaced(await reachableStep(step.key, principal));
        return reply.code(after.state === 'running' ? 202 : 200).send(after);
      },
    );
  };
}

async function waiting(context: NativeContext, query: { readonly principal?: string; readonly limit: number }) {
  const [steps, classes] = await Promise.all([context.questions.waiting(query), context.control.classes()]);
  const facts = { now: context.now(), classes, limits: context.classLimits };
  return steps.map((step) => renderPlaced(step, waitsOf(step, facts)));
}

interface Filter {
  readonly step?: string;
  readonly pipeline?: string;
  readonly errorClass?: string;
  readonly reason?: string;
  readonly since?: string;
}

function failedOf({ since, errorClass, ...filter }: Filter): FailedSteps {
  return {
    ...filter,
    ...(errorClass === undefined || !isErrorClass(errorClass) ? {} : { errorClass }),
    ...(since === undefined ? {} : { since: Date.parse(since) }),
  };
}
