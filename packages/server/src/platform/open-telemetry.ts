/**
 * Traces by OpenTelemetry, sent to a collector as OTLP over HTTP. Loaded only where they are wanted; its packages are optional. Nothing is registered
 * globally: a program that Holdfast is part of may have an OpenTelemetry of its own.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { createRequire } from 'node:module';
import type { Span as ApiSpan, Tracer } from '@opentelemetry/api';
import { type Context, defaultTextMapGetter, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import type * as OpenTelemetryCore from '@opentelemetry/core';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import type * as OpenTelemetryResources from '@opentelemetry/resources';
import { BatchSpanProcessor, NodeTracerProvider, type SpanExporter } from '@opentelemetry/sdk-trace-node';
import { HoldfastError } from '../core/errors.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { Log } from '../core/ports/log.ts';
import type { IncomingTrace, OpenSpan, Span, SpanFacts, Tracing } from '../core/ports/tracing.ts';

export interface OpenTelemetryOptions {
  /** `http(s)://host:port`, to which `/v1/traces` is added. Never logged: it may have a password in it. */
  readonly endpoint: string;
  /** Of Holdfast. */
  readonly version: string;
  /** Name of the node. */
  readonly instance: string;
  readonly log: Log;
  readonly clock: Clock;
}

/** Finished spans that wait; more are dropped while the collector is slow or away. */
const queueMax = 4_096;
const batchMax = 512;
const batchDelayMs = 1_000;
const exportTimeoutMs = 5_000;
/** How long a server that stops waits for its last spans to be taken. */
const closeMs = 2_000;

// Parts that the SDK is made of, as it finds them: nobody should have to install them by name.
const ofSdk = createRequire(createRequire(import.meta.url).resolve('@opentelemetry/sdk-trace-node'));
const { ExportResultCode, W3CTraceContextPropagator } = ofSdk('@opentelemetry/core') as typeof OpenTelemetryCore;
const ofSdkBase = createRequire(ofSdk.resolve('@opentelemetry/sdk-trace-base'));
const { defaultResource, detectResources, envDetector, resourceFromAttributes } = ofSdkBase(
  '@opentelemetry/resources',
) as typeof OpenTelemetryResources;

export class OpenTelemetryTracing implements Tracing {
  readonly enabled = true;
  readonly #provider: NodeTracerProvider;
  readonly #tracer: Tracer;
  readonly #clock: Clock;
  readonly #around = new AsyncLocalStorage<Context>();
  readonly #propagator = new W3CTraceContextPropagator();

  /** Throws `invalid-request` for an endpoint that is no address. Whether anybody listens there is not looked at. */
  constructor({ endpoint, version, instance, log, clock }: OpenTelemetryOptions) {
    if (!URL.canParse(endpoint))
      throw new HoldfastError('invalid-request', 'The setting "otlpEndpoint" is not an address: http://host:4318.');
    const url = new URL('v1/traces', endpoint.endsWith('/') ? endpoint : `${endpoint}/`).href;
    const exporter = telling(new OTLPTraceExporter({ url, timeoutMillis: exportTimeoutMs }), log);
    const processor = new BatchSpanProcessor(exporter, {
      maxQueueSize: queueMax,
      maxExportBatchSize: batchMax,
      scheduledDelayMillis: batchDelayMs,
      exportTimeoutMillis: exportTimeoutMs,
    });
    const own = { 'service.name': 'holdfast', 'service.version': version, 'service.instance.id': instance };
    // What OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES say comes last, and wins.
    const resource = defaultResource()
      .merge(resourceFromAttributes(own))
      .merge(detectResources({ detectors: [envDetector] }));
    this.#provider = new NodeTracerProvider({ resource, spanProcessors: [processor] });
    this.#tracer = this.#provider.getTracer('holdfast', version);
    this.#clock = clock;
  }

  within<T>(name: string, facts: SpanFacts, work: (span: Span) => Promise<T>): Promise<T> {
    return this.#in(this.#around.getStore() ?? ROOT_CONTEXT, name, facts, work);
  }

  apart<T>(name: string, facts: SpanFacts, work: (span: Span) => Promise<T>): Promise<T> {
    return this.#in(ROOT_CONTEXT, name, facts, work);
  }

  request(name: string, facts: SpanFacts, incoming: IncomingTrace): OpenSpan {
    const carrier = Object.fromEntries(Object.entries(incoming).filter(([, value]) => value !== undefined));
    const parent = this.#propagator.extract(ROOT_CONTEXT, carrier, defaultTextMapGetter);
    const span = this.#tracer.startSpan(name, { kind: SpanKind.SERVER, attributes: facts }, parent);
    const context = trace.setSpan(parent, span);
    return { ...told(span), run: (work) => this.#around.run(context, work), end: () => span.end() };
  }

  /** Sends what is left, for as long as that takes a moment. Never rejects. */
  async close(): Promise<void> {
    let cancel = () => {};
    const late = new Promise<void>((resolve) => {
      cancel = this.#clock.after(closeMs, resolve);
    });
    // What could not be sent has been logged.
    await Promise.race([this.#provider.shutdown().catch(() => {}), late]);
    cancel();
  }

  async #in<T>(parent: Context, name: string, facts: SpanFacts, work: (span: Span) => Promise<T>): Promise<T> {
    const span = this.#tracer.startSpan(name, { attributes: facts }, parent);
    const facade = told(span);
    try {
      return await this.#around.run(trace.setSpan(parent, span), () => work(facade));
    } catch (error) {
      facade.fail(kindOf(error));
      throw error;
    } finally {
      span.end();
    }
  }
}

function told(span: ApiSpan): Span {
  return {
    add: (facts) => void span.setAttributes(facts),
    fail: (kind) => void span.setAttribute('error.type', kind).setStatus({ code: SpanStatusCode.ERROR }),
  };
}

function kindOf(error: unknown): string {
  if (error instanceof HoldfastError) return error.code;
  return error instanceof Error ? error.name : typeof error;
}

/** Says once when the collector stops taking spans, and when it takes them again. */
function telling(exporter: SpanExporter, log: Log): SpanExporter {
  let away = false;
  return {
    export: (spans, done) =>
      exporter.export(spans, (result) => {
        const failed = result.code !== ExportResultCode.SUCCESS;
        if (failed && !away)
          log.warn({ reason: result.error?.message }, 'traces cannot be sent and are dropped; everything else goes on');
        if (!failed && away) log.info({}, 'traces are sent again');
        away = failed;
        done(result);
      }),
    shutdown: () => exporter.shutdown(),
    forceFlush: async () => await exporter.forceFlush?.(),
  };
}
