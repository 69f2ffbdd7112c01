/** Every error leaves as problem details (RFC 9457) with a stable code; what the client cannot know stays in the log. */
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { HoldfastError } from '../core/errors.ts';
import { codeOfField, problemOf, retryAfterSeconds, statusOf } from '../dialects/native/problems.ts';
import { isPagePath } from './web-ui.ts';

export const jsonBodyBytesMax = 1024 * 1024;

export function answerErrors(app: FastifyInstance, options: { readonly webDir: string | null }): void {
  const answer = (error: HoldfastError, request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    const wait = retryAfterSeconds[error.code];
    if (wait !== undefined) reply.header('retry-after', wait);
    if (error.code === 'body-timeout' || error.code === 'body-too-long' || error.code === 'shutting-down')
      reply.header('connection', 'close');
    if (error.code === 'unauthenticated') reply.header('www-authenticate', 'Bearer realm="holdfast"');
    const { id: uploadId } = (request.params ?? {}) as { id?: string };
    const level = statusOf[error.code] >= 500 ? 'error' : 'info';
    request.log[level](
      { code: error.code, uploadId, route: request.routeOptions.url, ...(level === 'error' ? { err: error } : {}) },
      error.message,
    );
    return reply
      .code(statusOf[error.code])
      .type('application/problem+json')
      .send(JSON.stringify(problemOf(error, request.id)));
  };
  app.setErrorHandler((error: unknown, request, reply) => answer(coded(error), request, reply));
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split('?')[0] ?? '/';
    if (options.webDir !== null && isPagePath(request.method, path, request.headers.accept))
      return reply.header('cache-control', 'no-cache').sendFile('index.html', options.webDir);
    return answer(
      new HoldfastError('route-not-found', `There is nothing at ${request.method} ${path.slice(0, 200)}.`),
      request,
      reply,
    );
  });
}

/** Fastify's own refusals carry a status below 500 and are the request's fault; anything unknown is ours. */
function coded(error: unknown): HoldfastError {
  if (error instanceof HoldfastError) return error;
  const { statusCode, message, code } = error as { statusCode?: number; message?: string; code?: string };
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE')
    return new HoldfastError('invalid-request', `The body is larger than ${jsonBodyBytesMax} bytes.`);
  if (statusCode === 415)
    return new HoldfastError(
      'invalid-request',
      'The body of this request is JSON: send Content-Type: application/json.',
    );
  if (statusCode !== undefined && statusCode < 500)
    return new HoldfastError(
      codeOfField[refusedField(error)] ?? 'invalid-request',
      message ?? 'The request is not well-formed.',
      { cause: error },
    );
  return new HoldfastError('internal', 'Something went wrong inside; the log has it under the request id.', {
    cause: error,
  });
}

/** The body field that the schema refused; empty when it was something else. */
function refusedField(error: unknown): string {
  const { validation, validationContext } = error as FastifyError;
  const first = validationContext === 'body' ? validation?.[0] : undefined;
  if (!first) return '';
  const missing = first.params['missingProperty'];
  return first.instancePath.split('/')[1] ?? (typeof missing === 'string' ? missing : '');
}
