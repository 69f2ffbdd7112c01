/** /v1/session: a browser exchanges an API key for a cookie, because media elements and event streams send no headers; and asks who it is. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { Session } from '@holdfast/protocol';
import { Type } from 'typebox';
import { HoldfastError } from '../core/errors.ts';
import { type ApiKey, sessionCookie } from './api-keys.ts';
import { type Authenticator, identityOf } from './auth.ts';
import type { RateGuard } from './rate-limits.ts';

export interface SessionOptions {
  readonly auth: Authenticator;
  readonly rates: RateGuard;
  /** Where the cookie is sent to. */
  readonly path: string;
  now(): number;
  /** What goes on with this cookie has to end. */
  signedOut(cookie: string): void;
}

export function sessionRoutes({ auth, rates, path, now, signedOut }: SessionOptions): FastifyPluginAsyncTypebox {
  return async (app) => {
    const body = Type.Object(
      { apiKey: Type.String({ minLength: 1, maxLength: 512 }) },
      { additionalProperties: false },
    );
    app.get(
      '/v1/session',
      { schema: { tags: ['server'], summary: 'Who asks', response: { 200: Type.Ref('Session') } } },
      async (request): Promise<Session> => ({ principal: identityOf(request).principal }),
    );
    app.post(
      '/v1/session',
      { config: { public: true }, schema: { tags: ['server'], summary: 'Sign in a browser', body } },
      async (request, reply) => {
        const key = auth.open ? null : await rates.tried(request, () => known(auth, request.body.apiKey));
        if (key) {
          const { value, maxAgeSeconds } = auth.keys.issueSession(key, now());
          reply.setCookie(sessionCookie, value, {
            httpOnly: true,
            sameSite: 'strict',
            secure: request.protocol === 'https',
            path,
            maxAge: maxAgeSeconds,
          });
        }
        return reply.code(204).send();
      },
    );
    app.delete(
      '/v1/session',
      { config: { public: true }, schema: { tags: ['server'], summary: 'Sign out a browser' } },
      async (request, reply) => {
        const cookie = request.cookies[sessionCookie];
        if (cookie !== undefined) {
          // First, or what ends below could come back.
          await auth.endSession(cookie);
          signedOut(cookie);
        }
        return reply.clearCookie(sessionCookie, { path }).code(204).send();
      },
    );
  };
}

function known(auth: Authenticator, secret: string): ApiKey {
  const key = auth.keys.keyFor(secret);
  if (!key) throw new HoldfastError('unauthenticated', 'The API key is not known.');
  return key;
}
