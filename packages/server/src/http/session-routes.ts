/** POST and DELETE /v1/session: a browser exchanges an API key for a cookie, because media elements and event streams send no headers. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { HoldfastError } from '../core/errors.ts';
import { sessionCookie } from './api-keys.ts';
import type { Authenticator } from './auth.ts';

export function sessionRoutes(auth: Authenticator, now: () => number): FastifyPluginAsyncTypebox {
  return async (app) => {
    const body = Type.Object(
      { apiKey: Type.String({ minLength: 1, maxLength: 512 }) },
      { additionalProperties: false },
    );
    app.post(
      '/v1/session',
      { config: { public: true }, schema: { tags: ['server'], summary: 'Sign in a browser', body } },
      async (request, reply) => {
        const key = auth.open ? null : auth.keys.keyFor(request.body.apiKey);
        if (!key && !auth.open) throw new HoldfastError('unauthenticated', 'The API key is not known.');
        if (key) {
          const { value, maxAgeSeconds } = auth.keys.issueSession(key, now());
          reply.setCookie(sessionCookie, value, {
            httpOnly: true,
            sameSite: 'strict',
            secure: request.protocol === 'https',
            path: '/',
            maxAge: maxAgeSeconds,
          });
        }
        return reply.code(204).send();
      },
    );
    app.delete(
      '/v1/session',
      { config: { public: true }, schema: { tags: ['server'], summary: 'Sign out a browser' } },
      async (_request, reply) => reply.clearCookie(sessionCookie, { path: '/' }).code(204).send(),
    );
  };
}
