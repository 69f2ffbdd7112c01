/** The HTTP server: routes of the dialects behind authentication, limits, errors as problem details, metrics, documents. */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage, RequestListener } from 'node:http';
import cookie from '@fastify/cookie';
import cors from '@fastify/cors';
import swagger from '@fastify/swagger';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import Fastify, {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  LogController,
} from 'fastify';
import helmet from 'helmet';
import type { Limits } from '../core/limits.ts';
import type { BodySource } from '../core/ports/body-source.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { FormLimits } from '../core/ports/form-source.ts';
import type { Tracing } from '../core/ports/tracing.ts';
import { chunkedFormDialect, chunkedFormPrefix } from '../dialects/chunked-form/plugin.ts';
import { companionDialect, companionPrefix } from '../dialects/companion/plugin.ts';
import { draftAddress, ietfDialect, ietfExposedHeaders, ietfPrefix } from '../dialects/ietf/plugin.ts';
import type { NativeContext } from '../dialects/native/context.ts';
import { nativeDialect, nativeSchemas } from '../dialects/native/plugin.ts';
import { renderEvent } from '../dialects/native/render.ts';
import type { RecordingsContext } from '../dialects/recordings/context.ts';
import { recordingsDialect, recordingsPrefix } from '../dialects/recordings/plugin.ts';
import { tusPrefix } from '../dialects/tus/concat.ts';
import { tusDialect } from '../dialects/tus/plugin.ts';
import type { UploadTokens } from '../uploads/tokens.ts';
import { type Authenticator, type Identity, identityOf, principalOf } from './auth.ts';
import { addressesUnder, underBase, withoutBase } from './base-path.ts';
import { type BodyOptions, RequestBody } from './body-source.ts';
import { documentRoutes, metricsRoute, openApiInfo, pageSecurity } from './documents.ts';
import { draining } from './draining.ts';
import { answerEarly } from './early-answers.ts';
import {
  answerError,
  answerErrorAs,
  answerErrors,
  answerExpectation,
  answerUnreadable,
  jsonBodyBytesMax,
} from './errors.ts';
import { EventStreams, endWithCredentials } from './event-stream.ts';
import { FormReader } from './form-reader.ts';
import { type HealthCheck, healthRoutes } from './health-routes.ts';
import { takeJsonBodies } from './json-body.ts';
import { addStoreGauges, type Metrics } from './metrics.ts';
import { mountable } from './mounting.ts';
import { probeRoutes } from './probe-routes.ts';
import { RateGuard, type RateLimits } from './rate-limits.ts';
import { addHooks, adminAsks } from './request-hooks.ts';
import { traceRequests } from './request-traces.ts';
import { compileSerializer } from './serialization.ts';
import { sessionRoutes } from './session-routes.ts';
import { timeOf } from './until.ts';
import { uploadTokenRoutes } from './upload-token-routes.ts';
import { compileValidator } from './validation.ts';
import { readPage } from './web-ui.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Reachable without credentials. */
    public?: boolean;
  }
  interface FastifyRequest {
    /** Who asks; null on routes that everyone may reach. */
    identity: Identity | null;
  }
}

export interface HttpOptions {
  readonly services: Omit<NativeContext, 'principal' | 'caller' | 'body' | 'stream' | 'now' | 'until'> &
    Pick<RecordingsContext, 'recordings' | 'recordingSettings'>;
  readonly auth: Authenticator;
  readonly tokens: UploadTokens;
  readonly clock: Clock;
  readonly log: FastifyBaseLogger;
  readonly metrics: Metrics;
  readonly tracing: Tracing;
  readonly healthChecks: readonly HealthCheck[];
  readonly rateLimits: RateLimits;
  /** Origins that browsers may call from; empty: only our own. */
  readonly corsOrigins: readonly string[];
  /** Believe X-Forwarded-* of these proxies. */
  readonly trustedProxies: readonly string[];
  /** Where the server is on its host, such as /holdfast; empty: at the root. */
  readonly basePath: string;
  /** Folder of the built web page; null serves none. */
  readonly webDir: string | null;
  /** Where else the page's requests may go: the store, if clients are given addresses in it. */
  readonly storeOrigin?: string | null;
  /** Does something here and in the other processes of the server. */
  readonly everywhere: (name: string, act: (fact: string) => void) => (fact: string) => void;
  /** A worker opens health and metrics only. Default: everything. */
  readonly serves?: 'everything' | 'health';
}

export interface HttpServer {
  /** For a listener of its own: `app.listen({ host, port })`. */
  readonly app: FastifyInstance;
  /** For the listener of another program: answers a request at `basePath` or below, which nobody has read of. */
  readonly handle: RequestListener;
  /** Stops taking requests, lets running ones finish for a while, ends event streams. */
  close(): Promise<void>;
}

/** The headers of a request have to arrive within this time; looked at every `connectionsCheckMs`. */
const headersTimeoutMs = 20_000;
const connectionsCheckMs = 2_000;
const headerBytesMax = 16 * 1024;
/** Event streams of a process; a holder of credentials alone gets half of them. */
const streamsMax = 2_000;
const keepAliveMs = 65_000;
/** A connection on which neither side sends for this long is closed: a reader that has gone away. Longer than any wait of ours. */
const silentConnectionMs = 300_000;

export async function createHttpServer(options: HttpOptions): Promise<HttpServer> {
  const { services, clock } = options;
  let stopping = false;
  const app = bareServer(options);
  const streams = new EventStreams({
    store: services.store,
    clock,
    log: options.log,
    streamsMax,
    render: renderEvent,
  });
  const counted = { ...services, uploads: services.store, streams: () => streams.count };
  addStoreGauges(options.metrics.registry, counted);

  const page = readPage(options.webDir, options.basePath);
  await registerPlugins(app, { ...options, page });
  const rates = await RateGuard.on(app, options.rateLimits);
  traceRequests(app, options.tracing);
  addHooks(app, { ...options, rates }, () => stopping);

  await app.register(
    healthRoutes({
      checks: options.healthChecks,
      version: services.version,
      now: () => clock.now(),
      stopping: () => stopping,
      isAdmin: (request) => adminAsks(request, { auth: options.auth, rates, isAdmin: services.isAdmin }),
    }),
  );
  if (options.serves === 'health') metricsRoute(app, { registry: options.metrics.page, isAdmin: services.isAdmin });
  else await serveEverything(app, { ...options, rates, page, streams });

  const drain = draining(app, clock);
  const mount = mountable(app, { ...options, silentConnectionMs });
  return {
    app,
    handle: mount.handle,
    close: async () => {
      stopping = true;
      streams.closeAll();
      await mount.drain();
      await drain();
    },
  };
}

/** The dialects, signing in, the documents and the page. */
async function serveEverything(
  app: FastifyInstance,
  options: HttpOptions & { rates: RateGuard; page: string | null; streams: EventStreams },
): Promise<void> {
  const { services, clock, auth, streams, page } = options;
  await accessRoutes(app, options);
  const pace = paceOf(services.limits);
  const intake = {
    principal: principalOf,
    caller: (request: FastifyRequest) => auth.callerOf(request),
    address: (path: string) => underBase(path, options.basePath),
    body: (request: FastifyRequest) => new RequestBody(request.raw, { clock, ...pace }),
    form: (body: BodySource, boundary: string, limits: FormLimits) => new FormReader(body, boundary, limits),
    answerErrorAs,
  };
  await app.register(tusDialect({ ...services, ...intake }));
  await app.register(chunkedFormDialect({ ...services, ...intake }), { prefix: chunkedFormPrefix });
  await app.register(recordingsDialect({ ...services, ...intake, now: () => clock.now() }), {
    prefix: recordingsPrefix,
  });
  await app.register(companionDialect({ ...services, ...intake }), { prefix: companionPrefix });
  await app.register(ietfDialect({ ...services, ...intake, now: () => clock.now() }), { prefix: ietfPrefix });
  await app.register(
    nativeDialect({
      ...services,
      ...intake,
      ...timeOf(clock, services.store),
      stream: (reply: FastifyReply, query) => {
        streams.admit(identityOf(reply.request).holder);
        streams.serve(reply, query);
        endWithCredentials(reply, { clock, confirm: auth.callerOf(reply.request).confirm ?? null });
      },
    }),
  );
  await documentRoutes(app, { ...options, registry: options.metrics.page, isAdmin: services.isAdmin, page });
}

/** Signing in, upload tokens, and what `doctor` asks. */
async function accessRoutes(
  app: FastifyInstance,
  options: HttpOptions & { rates: RateGuard; streams: EventStreams },
): Promise<void> {
  const { auth, rates, clock, tokens, services, streams } = options;
  const signedOut = options.everywhere('signed-out', (cookie) => streams.closeSession(cookie));
  await app.register(sessionRoutes({ auth, rates, path: `${options.basePath}/`, now: () => clock.now(), signedOut }));
  await app.register(uploadTokenRoutes(tokens));
  await app.register(probeRoutes({ clock, chunkBytesMax: services.limits.chunkBytesMax }));
}

function bareServer(options: HttpOptions): FastifyInstance {
  const app = Fastify({
    loggerInstance: options.log,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: jsonBodyBytesMax,
    trustProxy: options.trustedProxies.length > 0 ? [...options.trustedProxies] : false,
    rewriteUrl: ({ url = '/', headers }: IncomingMessage) =>
      draftAddress(withoutBase(options.basePath, url), tusPrefix, headers),
    genReqId: () => randomUUID(),
    requestIdHeader: false,
    keepAliveTimeout: keepAliveMs,
    connectionTimeout: silentConnectionMs,
    forceCloseConnections: 'idle',
    return503OnClosing: false,
    frameworkErrors: answerError,
    clientErrorHandler: answerUnreadable,
    routerOptions: { maxParamLength: 512 },
    http: {
      headersTimeout: headersTimeoutMs,
      connectionsCheckingInterval: connectionsCheckMs,
      maxHeaderSize: headerBytesMax,
      requestTimeout: 0,
      noDelay: true,
    },
  }).withTypeProvider<TypeBoxTypeProvider>();
  app.server.on('checkExpectation', answerExpectation);
  return app as unknown as FastifyInstance;
}

/** How slowly a body may come. */
function paceOf({ bodyIdleMs, bodyBytesPerSecondMin }: Limits): Pick<BodyOptions, 'idleMs' | 'bytesPerSecondMin'> {
  return { idleMs: bodyIdleMs, bytesPerSecondMin: bodyBytesPerSecondMin };
}

/** Validation, schemas, errors, and what every answer carries. */
async function registerPlugins(app: FastifyInstance, options: HttpOptions & { page: string | null }): Promise<void> {
  app.setValidatorCompiler(compileValidator());
  app.setSerializerCompiler(compileSerializer());
  for (const schema of nativeSchemas) app.addSchema(schema);
  answerErrors(app, options.page);
  addressesUnder(app, options.basePath);
  const pace = paceOf(options.services.limits);
  takeJsonBodies(app, { clock: options.clock, ...pace, bytesMax: jsonBodyBytesMax });
  answerEarly(app, { clock: options.clock, idleMs: pace.idleMs });
  await app.register(cookie);
  const secure = helmet({
    contentSecurityPolicy: { directives: pageSecurity(options.storeOrigin ?? null) },
    crossOriginEmbedderPolicy: false,
    hsts: false,
  });
  app.addHook('onRequest', (request, reply, done) => secure(request.raw, reply.raw, () => done()));
  if (options.corsOrigins.length > 0) {
    const exposedHeaders = ['location', 'retry-after', 'etag', 'content-range', ...ietfExposedHeaders];
    const rules = {
      origin: [...options.corsOrigins],
      methods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'],
      exposedHeaders,
      maxAge: 86_400,
    };
    await app.register(cors, {
      // An OPTIONS request that is no preflight asks for what a resource can do: its route answers.
      delegator: ({ headers }, done) =>
        done(null, { ...rules, preflight: headers['access-control-request-method'] !== undefined }),
    });
  }
  await app.register(swagger, {
    openapi: openApiInfo(options.services.version, options.basePath),
    refResolver: {
      buildLocalReference: (json, _base, _fragment, i) => (typeof json['$id'] === 'string' ? json['$id'] : `def-${i}`),
    },
  });
}
