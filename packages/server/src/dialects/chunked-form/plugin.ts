/**
 * The chunked upload by forms (`/api/chunked-upload`), as a FastAPI service had it: sessions, 0-based chunks of 5 MiB in multipart bodies,
 * errors as `{"detail": …}`. Registered with its prefix.
 */
import type { FastifyPluginAsync } from 'fastify';
import { speakForms } from '../form-plugin.ts';
import { chunkRoute } from './chunk-route.ts';
import type { ChunkedFormContext } from './context.ts';
import { refusalOf } from './refusals.ts';
import { sessionRoutes } from './session-routes.ts';

export const chunkedFormPrefix = '/api/chunked-upload';

export function chunkedFormDialect(context: ChunkedFormContext): FastifyPluginAsync {
  return async (app) => {
    speakForms(app, context, refusalOf);
    await app.register(sessionRoutes(context));
    await app.register(chunkRoute(context));
  };
}
