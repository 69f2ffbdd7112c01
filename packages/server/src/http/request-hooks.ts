/** What happens to every request before its handler, and after its answer. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { HoldfastError } from '../core/errors.ts';
import type { Authenticator, Identity } from './auth.ts';
import { headerGuard, hostGuard, originGuard } from './guards.ts';
import type { Metrics } from './metrics.ts';
import type { RateGuard } from './rate-limits.ts';

export interface RequestHooks {
  readonly auth: Authenticator;
  readonly rates: RateGuard;
  readonly metrics: Metrics;
  readonly corsOrigins: readonly string[];
}

/** Who asks, whether they may, and what is measured of every request. */
export function addHooks(app: FastifyInstance, options: RequestHooks, stopping: () => boolean): void {
  const { auth, rates } = options;
  app.decorateRequest('identity', null);
  app.addHook('onRequest', headerGuard);
  app.addHook('onRequest', hostGuard(auth.open));
  app.addHook('onRequest', originGuard(options.corsOrigins));
  app.addHook('onRequest', async (request) => {
    if (stopping()) throw new HoldfastError('shutting-down', 'The server is stopping. Try again in a moment.');
    const { url, config } = request.routeOptions;
    if (url?.startsWith('/health') === true) return;
    await rates.admit(request);
    if (config?.public === true || request.is404) return;
    request.identity = await identified(request, { auth, rates });
  });
  app.addHook('onResponse', async (request, reply) => {
    const route = request.routeOptions.url ?? 'unmatched';
    options.metrics.request(route, request.method, reply.statusCode, reply.elapsedTime / 1000);
    if (request.routeOptions.logLevel === 'warn') return;
    const { id: uploadId } = (request.params ?? {}) as { id?: string };
    const subject = route.startsWith('/v1/uploads/') ? { uploadId } : {};
    request.log.debug(
      { ...subject, method: request.method, route, status: reply.statusCode, ms: Math.round(reply.elapsedTime) },
      'request',
    );
  });
}

/** Whether an administrator asks, where nobody has to say who asks. */
export async function adminAsks(
  request: FastifyRequest,
  by: { auth: Authenticator; rates: RateGuard; isAdmin(principal: string): boolean },
): Promise<boolean> {
  if (!by.auth.open && !by.auth.isTried(request)) return false;
  try {
    const { principal, grant } = await identified(request, by);
    return grant === null && by.isAdmin(principal);
  } catch {
    // Whatever is wrong with the credentials or with who knows them: the answer is there for everybody.
    return false;
  }
}

/** Who asks. What came without credentials is no attempt to guess any. */
async function identified(request: FastifyRequest, by: { auth: Authenticator; rates: RateGuard }): Promise<Identity> {
  if (!by.auth.isTried(request)) return await by.auth.identify(request);
  return await by.rates.tried(request, () => by.auth.identify(request));
}
