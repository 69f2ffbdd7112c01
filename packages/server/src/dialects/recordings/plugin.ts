/**
 * Recordings (`/api/v1/recordings`), as a service for lecture audio had it: a recording with its subject, topic and speaker, 1-based chunks in
 * multipart bodies, states in Spanish, recovery with recommendations, errors as `{"detail": …}`. Registered with its prefix.
 */
import type { FastifyPluginAsync } from 'fastify';
import { speakForms } from '../form-plugin.ts';
import { chunkRoute } from './chunk-route.ts';
import type { RecordingsContext } from './context.ts';
import { creation } from './creation.ts';
import { recordRoutes } from './record-routes.ts';
import { refusalOf } from './refusals.ts';
import { sessionRoutes } from './session-routes.ts';

export { recordingsPrefix } from './urls.ts';

export function recordingsDialect(context: RecordingsContext): FastifyPluginAsync {
  return async (app) => {
    speakForms(app, context, refusalOf);
    await app.register(creation(context));
    await app.register(chunkRoute(context));
    await app.register(sessionRoutes(context));
    await app.register(recordRoutes(context));
  };
}
