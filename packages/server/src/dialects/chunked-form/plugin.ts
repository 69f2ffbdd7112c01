/**
 * The chunked upload by forms (`/api/chunked-upload`), as a FastAPI service had it: sessions, 0-based chunks of 5 MiB in multipart bodies,
 * errors as `{"detail": …}`. Registered with its prefix.
 */
import type { FastifyPluginAsync } from 'fastify';
import { HoldfastError } from '../../core/errors.ts';
import { chunkRoute } from './chunk-route.ts';
import type { ChunkedFormContext } from './context.ts';
import { takeBodiesUnparsed } from './declared-type.ts';
import { refusalOf } from './refusals.ts';
import { sessionRoutes } from './session-routes.ts';

export const chunkedFormPrefix = '/api/chunked-upload';

export function chunkedFormDialect(context: ChunkedFormContext): FastifyPluginAsync {
  return async (app) => {
    const answer = context.answerErrorAs(refusalOf);
    app.setErrorHandler(answer);
    app.setNotFoundHandler((request, reply) => {
      const path = (request.url.split('?')[0] ?? '').slice(0, 200);
      return answer(
        new HoldfastError('route-not-found', `There is nothing at ${request.method} ${path}.`),
        request,
        reply,
      );
    });
    // Bodies come in three types and are checked field by field when they are read; the schemas describe them.
    app.setValidatorCompiler(() => () => true);
    takeBodiesUnparsed(app);
    await app.register(sessionRoutes(context));
    await app.register(chunkRoute(context));
  };
}
