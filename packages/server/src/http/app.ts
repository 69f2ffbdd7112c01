/** The HTTP server: routes of the dialects behind authentication, limits, errors as problem details, metrics, documents. */
import { randomUUID } from 'node:crypto';
import cookie from '@fastify/cookie';
import cors from '@fastify/cors';
import helmet from '@fastify/helmet';
import swagger from '@fastify/swagger';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import Fastify, {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  LogController,
} from 'fastify';
import { HoldfastError } from '../core/errors.ts';
import type { BodySource } from '../core/ports/body-source.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { FormLimits } from '../core/ports/form-source.ts';
import { chunkedFormDialect, chunkedFormPrefix } from '../dialects/chunked-form/plugin.ts';
import type { NativeContext } from '../dialects/native/context.ts';
import { nativeDialect, nativeSchemas } from '../dialects/native/plugin.ts';
import { renderEvent } from '../dialects/native/render.ts';
import { tusDialect } from '../dialects/tus/plugin.ts';
import type { Authenticator } from './auth.ts';
import { RequestBody } from './body-source.ts';
import { openApiInfo, pageSecurity } from './documents.ts';
import { draining } from './draining.ts';
import { answerError, answerErrorAs, answerErrors, answerUnreadable, jsonBodyBytesMax } from './errors.ts';
import { EventStreams } from './event-stream.ts';
import { FormReader } from './form-reader.ts';
import { type HealthCheck, healthRoutes } from './health-routes.ts';
import { takeJsonBodies } from './json-body.ts';
import { addStoreGauges, type Metrics } from './metrics.ts';
import { hostGuard, originGuard } from './same-origin.ts';
import { sessionRoutes } from './session-routes.ts';
import { compileValidator } from './validation.ts';
import { webUi } from './web-ui.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Reachable without credentials. */
    public?: boolean;
  }
  interface FastifyRequest {
    principal: string;
  }
}

export interface HttpOptions {
  readonly services: Omit<NativeContext, 'principal' | 'body' | 'stream' | 'now'>;
  readonly auth: Authenticator;
  readonly clock: Clock;
  readonly log: FastifyBaseLogger;
  readonly metrics: Metrics;
  readonly healthChecks: readonly HealthCheck[];
  /** Origins that browsers may call from; empty: only our own. */
  readonly corsOrigins: readonly string[];
  /** Believe X-Forwarded-* of these proxies. */
  readonly trustedProxies: readonly string[];
  /** Folder of the built web page; null serves none. */
  readonly webDir: string | null;
}

export interface HttpServer {
  readonly app: FastifyInstance;
  /** Stops taking requests, lets running ones finish for a while, ends event streams. */
  close(): Promise<void>;
}

const headersTimeoutMs = 20_000;
const keepAliveMs = 65_000;
/** A connection on which neither side sends for this long is closed: a reader that has gone away. Longer than any wait of ours. */
const silentConnectionMs = 300_000;

export async function createHttpServer(options: HttpOptions): Promise<HttpServer> {
  const { services, clock, auth } = options;
  let stopping = false;
  const app = bareServer(options);
  const streams = new EventStreams({
    store: services.store,
    clock,
    log: options.log,
    streamsMax: 1_000,
    render: renderEvent,
  });
  addStoreGauges(options.metrics.registry, {
    uploads: services.store,
    ledger: services.ledger,
    streams: () => streams.count,
  });

  await registerPlugins(app as unknown as FastifyInstance, options);
  addHooks(app as unknown as FastifyInstance, options, () => stopping);

  await app.register(
    healthRoutes({
      checks: options.healthChecks,
      version: services.version,
      now: () => clock.now(),
      stopping: () => stopping,
    }),
  );
  await app.register(sessionRoutes(auth, () => clock.now()));
  const intake = {
    principal: (request: FastifyRequest) => request.principal,
    body: (request: FastifyRequest) => new RequestBody(request.raw, { clock, idleMs: services.limits.bodyIdleMs }),
    form: (body: BodySource, boundary: string, limits: FormLimits) => new FormReader(body, boundary, limits),
    answerErrorAs,
  };
  await app.register(tusDialect({ ...services, ...intake }));
  await app.register(chunkedFormDialect({ ...services, ...intake }), { prefix: chunkedFormPrefix });
  await app.register(
    nativeDialect({
      ...services,
      ...intake,
      now: () => clock.now(),
      stream: (reply: FastifyReply, query) => {
        if (streams.full) throw new HoldfastError('rate-limited', 'Too many event streams are open.');
        streams.serve(reply, query);
      },
    }),
  );
  app.get('/metrics', { schema: { hide: true }, logLevel: 'warn' }, async (_request, reply) =>
    reply.type(options.metrics.registry.contentType).send(await options.metrics.registry.metrics()),
  );
  app.get('/openapi.json', { config: { public: true }, schema: { hide: true } }, async () => app.swagger());
  if (options.webDir !== null) await app.register(publicScope(webUi(options.webDir)));

  const drain = draining(app as unknown as FastifyInstance, clock);
  return {
    app: app as unknown as FastifyInstance,
    close: async () => {
      stopping = true;
      streams.closeAll();
      await drain();
    },
  };
}

function bareServer(options: HttpOptions) {
  return Fastify({
    loggerInstance: options.log,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: jsonBodyBytesMax,
    trustProxy: options.trustedProxies.length > 0 ? [...options.trustedProxies] : false,
    genReqId: () => randomUUID(),
    requestIdHeader: false,
    keepAliveTimeout: keepAliveMs,
    connectionTimeout: silentConnectionMs,
    forceCloseConnections: 'idle',
    return503OnClosing: false,
    frameworkErrors: answerError,
    clientErrorHandler: answerUnreadable,
    routerOptions: { maxParamLength: 512 },
    http: { headersTimeout: headersTimeoutMs, requestTimeout: 0, noDelay: true },
  }).withTypeProvider<TypeBoxTypeProvider>();
}

/** Validation, schemas, errors, and what every answer carries. */
async function registerPlugins(app: FastifyInstance, options: HttpOptions): Promise<void> {
  app.setValidatorCompiler(compileValidator());
  for (const schema of nativeSchemas) app.addSchema(schema);
  answerErrors(app, options);
  const idleMs = options.services.limits.bodyIdleMs;
  takeJsonBodies(app, { clock: options.clock, idleMs, bytesMax: jsonBodyBytesMax });
  await app.register(cookie);
  await app.register(helmet, {
    contentSecurityPolicy: { directives: pageSecurity },
    crossOriginEmbedderPolicy: false,
    hsts: false,
  });
  if (options.corsOrigins.length > 0) {
    const exposedHeaders = ['location', 'retry-after', 'etag', 'content-range'];
    await app.register(cors, {
      origin: [...options.corsOrigins],
      methods: ['GET', 'HEAD', 'POST', 'PUT', 'DELETE'],
      exposedHeaders,
      maxAge: 86_400,
    });
  }
  await app.register(swagger, {
    openapi: openApiInfo(options.services.version),
    refResolver: {
      buildLocalReference: (json, _base, _fragment, i) => (typeof json['$id'] === 'string' ? json['$id'] : `def-${i}`),
    },
  });
}

/** Who asks, whether they may, and what is measured of every request. */
function addHooks(app: FastifyInstance, options: HttpOptions, stopping: () => boolean): void {
  const { auth, clock } = options;
  app.decorateRequest('principal', '');
  app.addHook('onRequest', hostGuard(auth.open));
  app.addHook('onRequest', originGuard(options.corsOrigins));
  app.addHook('onRequest', async (request) => {
    if (stopping()) throw new HoldfastError('shutting-down', 'The server is stopping. Try again in a moment.');
    if (request.routeOptions.config?.public === true || request.is404) return;
    request.principal = auth.principalOf(request, clock.now());
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

/** Pages and their files are reachable without credentials; what they ask for is not. */
function publicScope(plugin: ReturnType<typeof webUi>): ReturnType<typeof webUi> {
  return async (app) => {
    app.addHook('onRoute', (route) => {
      route.config = { ...route.config, public: true };
      route.schema = { ...route.schema, hide: true };
    });
    await app.register(plugin);
  };
}
