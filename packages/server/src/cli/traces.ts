/** Where a node's traces go: to the collector that the settings name, or nowhere. */
import type { Config } from '../config/schema.ts';
import { HoldfastError } from '../core/errors.ts';
import type { Log } from '../core/ports/log.ts';
import { noTracing, type Tracing } from '../core/ports/tracing.ts';
import { systemClock } from '../platform/system-clock.ts';
import { packageVersion } from './version.ts';

export interface Traces {
  readonly tracing: Tracing;
  /** Sends what is left. Never rejects. */
  close(): Promise<void>;
}

export interface TracesWish {
  readonly config: Pick<Config, 'otlpEndpoint'>;
  /** Name of the node. */
  readonly instance: string;
  readonly log: Log;
}

/** Rejects with `invalid-request` when the packages are not installed, with the command that does it. */
export async function openTraces({ config: { otlpEndpoint }, instance, log }: TracesWish): Promise<Traces> {
  if (otlpEndpoint === undefined) return { tracing: noTracing, close: async () => {} };
  const { OpenTelemetryTracing } = await import('../platform/open-telemetry.ts').catch((error: unknown) => {
    throw isMissing(error) ? notInstalled(error) : error;
  });
  const tracing = new OpenTelemetryTracing({
    endpoint: otlpEndpoint,
    version: packageVersion(),
    instance,
    log,
    clock: systemClock,
  });
  return { tracing, close: () => tracing.close() };
}

function isMissing(error: unknown): boolean {
  const { code, message } = error as { code?: unknown; message?: unknown };
  return /^(?:ERR_MODULE_NOT_FOUND|MODULE_NOT_FOUND)$/.test(String(code)) && String(message).includes('@opentelemetry');
}

function notInstalled(cause: unknown): HoldfastError {
  return new HoldfastError(
    'invalid-request',
    'Traces (otlpEndpoint) need packages that are not installed. Beside Holdfast: npm install @opentelemetry/api @opentelemetry/sdk-trace-node @opentelemetry/exporter-trace-otlp-http (with -g if Holdfast was installed so).',
    { cause },
  );
}
