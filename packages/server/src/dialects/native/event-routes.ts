/** Event logs, as JSON or as a live stream, whichever the client accepts. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { HoldfastError } from '../../core/errors.ts';
import type { EventQuery } from '../../core/ports/upload-store.ts';
import type { NativeContext } from './context.ts';
import { renderEvent } from './render.ts';
import { reachableRun, ScopeQuery, scopeOf } from './scope.ts';

const Id = Type.Object({ id: Type.String({ maxLength: 64 }) });
const Query = Type.Object({
  after: Type.Optional(
    Type.Integer({
      minimum: 0,
      maximum: Number.MAX_SAFE_INTEGER,
      description: 'Events after this position; a stream prefers Last-Event-ID.',
    }),
  ),
  limit: Type.Integer({ minimum: 1, maximum: 1000, default: 200 }),
  order: Type.Union([Type.Literal('oldest'), Type.Literal('newest')], {
    default: 'oldest',
    description:
      'Which events when there are more than the limit: the first or the last. They come in order either way.',
  }),
});
const tags = ['events'];
const response = { 200: Type.Ref('EventList'), '4xx': Type.Ref('Problem') };

export function eventRoutes(context: NativeContext): FastifyPluginAsyncTypebox {
  return async (app) => {
    app.get(
      '/v1/uploads/:id/events',
      {
        schema: { tags, summary: 'Log of one upload (JSON or event stream)', params: Id, querystring: Query, response },
      },
      async (request, reply) => {
        const caller = context.caller(request);
        const { upload } = await context.uploads.status({ id: request.params.id, ...caller });
        return await answer(
          context,
          { request, reply, ...request.query },
          { principal: caller.principal, subject: { kind: 'upload', id: upload.id } },
        );
      },
    );
    app.get(
      '/v1/runs/:id/events',
      { schema: { tags, summary: 'Log of one run (JSON or event stream)', params: Id, querystring: Query, response } },
      async (request, reply) => {
        const principal = context.principal(request);
        const run = await reachableRun(context, request.params.id, principal);
        return await answer(context, { request, reply, ...request.query }, { subject: { kind: 'run', id: run.id } });
      },
    );
    app.get(
      '/v1/events',
      {
        schema: {
          tags,
          summary: 'Everything of the principal, or of everybody (JSON or event stream)',
          querystring: Type.Object({ ...Query.properties, scope: ScopeQuery }),
          response,
        },
      },
      async (request, reply) => {
        const { scope = 'own', ...query } = request.query;
        return await answer(context, { request, reply, ...query }, scopeOf(context, request, scope));
      },
    );
  };
}

interface Asked {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  readonly after?: number | undefined;
  readonly limit: number;
  readonly order: 'oldest' | 'newest';
}

async function answer(
  context: NativeContext,
  asked: Asked,
  query: Pick<EventQuery, 'principal' | 'subject'>,
): Promise<FastifyReply> {
  const { request, reply } = asked;
  if (!(request.headers.accept ?? '').includes('text/event-stream')) {
    const events = await context.store.events({
      ...query,
      after: asked.after ?? 0,
      limit: asked.limit,
      take: asked.order,
    });
    return reply.send({ items: events.map(renderEvent) });
  }
  context.stream(reply, { ...query, after: lastEventId(request) ?? asked.after ?? 0 });
  return reply;
}

function lastEventId(request: FastifyRequest): number | null {
  const header = request.headers['last-event-id'];
  if (header === undefined || header === '') return null;
  if (typeof header !== 'string' || !/^\d{1,15}$/.test(header))
    throw new HoldfastError('invalid-request', 'Last-Event-ID is not a position in the log.');
  return Number(header);
}
