/** /health (summary), /health/live (the process answers), /health/ready (every dependency answers). */
import type { Health, HealthCheckResult } from '@holdfast/protocol';
import type { FastifyPluginAsync, FastifyRequest } from 'fastify';

/** One dependency: resolves with a line of facts when it is well, rejects with the reason otherwise. */
export interface HealthCheck {
  readonly name: string;
  /** The name for whoever is no administrator, where name and line tell what is nobody else's business: the line is not told either. */
  readonly publicName?: string;
  /** Whether the server cannot take uploads without it. */
  readonly required: boolean;
  check(): Promise<string>;
}

export interface HealthOptions {
  readonly checks: readonly HealthCheck[];
  readonly version: string;
  now(): number;
  stopping(): boolean;
  isAdmin(request: FastifyRequest): Promise<boolean>;
}

export function healthRoutes(options: HealthOptions): FastifyPluginAsync {
  const config = { public: true };
  const hide = { hide: true };
  return async (app) => {
    app.get('/health/live', { config, schema: hide, logLevel: 'warn' }, async () => ({ status: 'ok' }));
    app.get('/health/ready', { config, schema: hide, logLevel: 'warn' }, async (request, reply) => {
      const checks = await runAll(options, request);
      const ready = !options.stopping() && checks.every((c) => c.status === 'ok' || !c.required);
      return reply
        .code(ready ? 200 : 503)
        .send({ status: ready ? 'ok' : options.stopping() ? 'stopping' : 'failing', checks });
    });
    app.get('/health', { config, schema: hide, logLevel: 'warn' }, async (request): Promise<Health> => {
      const checks = await runAll(options, request);
      const failing = checks.filter((c) => c.status === 'failing');
      const status = failing.some((c) => c.required) ? 'failing' : failing.length > 0 ? 'degraded' : 'ok';
      return { status, version: options.version, checks };
    });
  };
}

const publicDetails = { ok: 'works', failing: 'does not work; administrators are told why' } as const;

async function runAll(options: HealthOptions, request: FastifyRequest): Promise<HealthCheckResult[]> {
  const hides = options.checks.some(({ publicName }) => publicName !== undefined);
  const whole = !hides || (await options.isAdmin(request));
  return await Promise.all(
    options.checks.map(async ({ name, publicName = name, required, check }) => {
      const started = options.now();
      const outcome = await check().then(
        (detail) => ({ status: 'ok' as const, detail }),
        (error: unknown) => ({
          status: 'failing' as const,
          detail: error instanceof Error ? error.message : String(error),
        }),
      );
      const milliseconds = options.now() - started;
      if (whole || publicName === name) return { name, required, ...outcome, milliseconds };
      return { name: publicName, required, ...outcome, detail: publicDetails[outcome.status], milliseconds };
    }),
  );
}
