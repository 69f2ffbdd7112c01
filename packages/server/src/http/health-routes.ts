/** /health (summary), /health/live (the process answers), /health/ready (every dependency answers). */
import type { Health, HealthCheckResult } from '@holdfast/protocol';
import type { FastifyPluginAsync } from 'fastify';

/** One dependency: resolves with a line of facts when it is well, rejects with the reason otherwise. */
export interface HealthCheck {
  readonly name: string;
  /** Whether the server cannot take uploads without it. */
  readonly required: boolean;
  check(): Promise<string>;
}

export interface HealthOptions {
  readonly checks: readonly HealthCheck[];
  readonly version: string;
  now(): number;
  stopping(): boolean;
}

export function healthRoutes(options: HealthOptions): FastifyPluginAsync {
  const config = { public: true };
  const hide = { hide: true };
  return async (app) => {
    app.get('/health/live', { config, schema: hide, logLevel: 'warn' }, async () => ({ status: 'ok' }));
    app.get('/health/ready', { config, schema: hide, logLevel: 'warn' }, async (_request, reply) => {
      const checks = await runAll(options);
      const ready = !options.stopping() && checks.every((c) => c.status === 'ok' || !c.required);
      return reply
        .code(ready ? 200 : 503)
        .send({ status: ready ? 'ok' : options.stopping() ? 'stopping' : 'failing', checks });
    });
    app.get('/health', { config, schema: hide, logLevel: 'warn' }, async (): Promise<Health> => {
      const checks = await runAll(options);
      const failing = checks.filter((c) => c.status === 'failing');
      const status = failing.some((c) => c.required) ? 'failing' : failing.length > 0 ? 'degraded' : 'ok';
      return { status, version: options.version, checks };
    });
  };
}

async function runAll(options: HealthOptions): Promise<HealthCheckResult[]> {
  return await Promise.all(
    options.checks.map(async ({ name, required, check }) => {
      const started = options.now();
      const outcome = await check().then(
        (detail) => ({ status: 'ok' as const, detail }),
        (error: unknown) => ({
          status: 'failing' as const,
          detail: error instanceof Error ? error.message : String(error),
        }),
      );
      return { name, required, ...outcome, milliseconds: options.now() - started };
    }),
  );
}
