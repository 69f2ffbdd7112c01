/** What the server says about itself to browsers and tools: the page's security policy the head of the OpenAPI document, and where they are found. */
import type { FastifyInstance } from 'fastify';
import { principalOf } from './auth.ts';
import { type Metrics, withoutPlaces } from './metrics.ts';
import { webUi } from './web-ui.ts';

/** Content security policy of the web page: nothing from elsewhere but the store that it may send to and read from, nothing inline. */
export function pageSecurity(storeOrigin: string | null) {
  const own = ["'self'", ...(storeOrigin === null ? [] : [storeOrigin])];
  return {
    'default-src': ["'self'"],
    'img-src': [...own, 'data:', 'blob:'],
    'media-src': [...own, 'blob:'],
    'style-src': ["'self'"],
    'script-src': ["'self'"],
    'worker-src': ["'self'", 'blob:'],
    'connect-src': own,
    'object-src': ["'none'"],
    'frame-ancestors': ["'none'"],
    'upgrade-insecure-requests': null,
  };
}

export function openApiInfo(version: string, basePath: string) {
  return {
    openapi: '3.1.0',
    info: {
      title: 'Holdfast',
      version,
      description: 'Uploads that arrive: resumable, verified, processed once.',
      license: { name: 'MIT' },
    },
    servers: [{ url: `${basePath}/` }],
    components: { securitySchemes: { apiKey: { type: 'http' as const, scheme: 'bearer' } } },
    security: [{ apiKey: [] }],
  };
}

export interface DocumentOptions extends MetricsOptions {
  /** Folder of the built web page; null serves none. */
  readonly webDir: string | null;
  readonly page: string | null;
}

/** Metrics, the API document and the web page. */
export async function documentRoutes(app: FastifyInstance, options: DocumentOptions): Promise<void> {
  const { webDir, page } = options;
  metricsRoute(app, options);
  app.get('/openapi.json', { config: { public: true }, schema: { hide: true } }, async () => app.swagger());
  if (webDir !== null && page !== null) await app.register(publicScope(webUi(webDir, page)));
}

export interface MetricsOptions {
  readonly registry: Metrics['page'];
  isAdmin(principal: string): boolean;
}

export function metricsRoute(app: FastifyInstance, { registry, isAdmin }: MetricsOptions): void {
  app.get('/metrics', { schema: { hide: true }, logLevel: 'warn' }, async (request, reply) => {
    const whole = isAdmin(principalOf(request));
    const text = await registry.metrics();
    return reply.type(registry.contentType).send(whole ? text : withoutPlaces(text));
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
