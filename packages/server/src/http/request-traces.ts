/** A span for each request, by its route: addresses have ids in them, and names. What the handler does is part of it. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { OpenSpan, SpanFacts, Tracing } from '../core/ports/tracing.ts';

/** To be called before other hooks are added, so that what they refuse is seen as well. */
export function traceRequests(app: FastifyInstance, tracing: Tracing): void {
  if (!tracing.enabled) return;
  const spans = new WeakMap<FastifyRequest, OpenSpan>();
  app.addHook('onRequest', (request, reply, done) => {
    const { method, headers, routeOptions } = request;
    const route = routeOptions.url ?? 'unmatched';
    // Asked for every few seconds, by monitoring.
    if (route.startsWith('/health') || route === '/metrics') return done();
    const facts = {
      'http.request.method': method,
      'http.route': route,
      ...sizeOf('request', headers['content-length']),
    };
    const incoming = { traceparent: single(headers['traceparent']), tracestate: single(headers['tracestate']) };
    const span = tracing.request(`${method} ${route}`, facts, incoming);
    spans.set(request, span);
    // Also when the connection breaks.
    reply.raw.once('close', () => end(span, reply));
    done();
  });
  // After the hooks that wait for others: what is around a request would be lost there.
  app.addHook('preHandler', (request, _reply, done) => {
    const span = spans.get(request);
    if (span === undefined) done();
    else span.run(done);
  });
}

function end(span: OpenSpan, { raw }: FastifyReply): void {
  if (raw.headersSent) span.add({ 'http.response.status_code': raw.statusCode });
  span.add(sizeOf('response', raw.getHeader('content-length')));
  // Refusals are the client's failures (OpenTelemetry's conventions for HTTP servers).
  if (!raw.writableFinished) span.fail('aborted');
  else if (raw.statusCode >= 500) span.fail(String(raw.statusCode));
  span.end();
}

function sizeOf(what: 'request' | 'response', length: unknown): SpanFacts {
  return /^\d+$/.test(String(length)) ? { [`http.${what}.body.size`]: Number(length) } : {};
}

function single(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? undefined : value;
}
