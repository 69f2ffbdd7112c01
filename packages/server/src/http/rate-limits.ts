/**
 * How often one address may ask. Counted per minute and class of request, so that a fast sender of chunks is never held up by what it asks
 * beside; wrong credentials are counted apart and more strictly. An IPv6 address counts as its /64. Requests from this machine itself are
 * not counted: behind a local proxy that is not configured as trusted they are everybody's.
 */
import rateLimit from '@fastify/rate-limit';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { HoldfastError } from '../core/errors.ts';
import type { RateClass } from '../dialects/route-config.ts';

/** Requests per minute and address; 0: as many as they like. */
export interface RateLimits extends Readonly<Record<RateClass, number>> {
  /** Wrong credentials. While there are too many, right ones are not tried either. */
  readonly failures: number;
}

type Limiter = ReturnType<FastifyInstance['createRateLimit']>;

const windowMs = 60_000;
/** Addresses that are remembered per class; the longest unseen is forgotten first. */
const addressesMax = 20_000;

export class RateGuard {
  readonly #limiters: ReadonlyMap<keyof RateLimits, Limiter>;

  private constructor(limiters: ReadonlyMap<keyof RateLimits, Limiter>) {
    this.#limiters = limiters;
  }

  static async on(app: FastifyInstance, limits: RateLimits): Promise<RateGuard> {
    await app.register(rateLimit, { global: false, timeWindow: windowMs });
    const names = ['reads', 'writes', 'chunks', 'failures'] as const;
    const options = (max: number) => ({ max, timeWindow: windowMs, cache: addressesMax });
    const limited = names.filter((name) => limits[name] > 0);
    return new RateGuard(new Map(limited.map((name) => [name, app.createRateLimit(options(limits[name]))])));
  }

  /** Counts the request. Throws `rate-limited`. */
  async admit(request: FastifyRequest): Promise<void> {
    const limiter = this.#limiters.get(classOf(request));
    if (!limiter || isLocal(request)) return;
    const count = await limiter(request);
    if (!count.isAllowed && count.isExceeded) throw tooMany('Too many requests from this address.', count.ttlInSeconds);
  }

  /** Tries credentials. Throws `rate-limited` without trying when too many were wrong lately, and what `attempt` throws. */
  async tried<T>(request: FastifyRequest, attempt: () => Promise<T> | T): Promise<T> {
    const limiter = this.#limiters.get('failures');
    if (!limiter || isLocal(request)) return await attempt();
    const count = await limiter(request, { increment: false });
    if (!count.isAllowed && count.remaining === 0)
      throw tooMany('Too many wrong credentials came from this address.', count.ttlInSeconds);
    try {
      return await attempt();
    } catch (error) {
      if (error instanceof HoldfastError && error.code === 'unauthenticated') await limiter(request);
      throw error;
    }
  }
}

function classOf(request: FastifyRequest): RateClass {
  const declared = request.routeOptions.config?.rate;
  if (declared !== undefined) return declared;
  if (request.method === 'PUT' || request.method === 'PATCH') return 'chunks';
  return request.method === 'GET' || request.method === 'HEAD' || request.method === 'OPTIONS' ? 'reads' : 'writes';
}

/** From this machine, and not handed on for somebody else by a proxy that is trusted. */
function isLocal(request: FastifyRequest): boolean {
  const peer = request.raw.socket.remoteAddress;
  return request.ip === peer && /^(?:::1$|(?:::ffff:)?127\.)/.test(peer ?? '');
}

function tooMany(message: string, seconds: number): HoldfastError {
  const retryAfterSeconds = Math.max(1, seconds);
  return new HoldfastError('rate-limited', `${message} Try again in ${retryAfterSeconds} s.`, {
    details: { retryAfterSeconds },
  });
}
