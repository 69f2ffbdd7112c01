/** Every error leaves with a stable code, as problem details (RFC 9457) or in its dialect's words; what the client cannot know stays in the log. */
import { randomUUID } from 'node:crypto';
import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { type ErrorCode, HoldfastError } from '../core/errors.ts';
import { codeOfField, problemOf, retryAfterSeconds, statusOf } from '../dialects/native/problems.ts';
import { isPagePath, sendPage } from './web-ui.ts';

export const jsonBodyBytesMax = 1024 * 1024;

export function answerErrors(app: FastifyInstance, page: string | null): void {
  app.setErrorHandler(answerError);
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split('?')[0] ?? '/';
    if (page !== null && isPagePath(request.method, path, request.headers.accept)) return sendPage(reply, page);
    const nothing = `There is nothing at ${request.method} ${path.slice(0, 200)}.`;
    return answerError(new HoldfastError('route-not-found', nothing), request, reply);
  });
}

/** How an error looks in the words of one dialect. */
export interface ErrorAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly body: object;
  /** Seconds after which trying again makes sense. */
  readonly retryAfterSeconds?: number | undefined;
}

/** After these the rest of the body is not waited for. */
const closing = new Set<ErrorCode>(['body-timeout', 'body-too-long', 'upload-taken-over', 'shutting-down']);

export type ErrorHandler = (cause: unknown, request: FastifyRequest, reply: FastifyReply) => FastifyReply;

/** Also for what Fastify refuses before it knows a route, such as an address that is not well-formed. */
export const answerError: ErrorHandler = answerErrorAs((error, requestId) => ({
  status: statusOf[error.code],
  contentType: 'application/problem+json',
  body: problemOf(error, requestId),
  retryAfterSeconds: retryAfterSeconds[error.code],
}));

/** Answers every error as `render` says, with the headers and the log line that are the same in all dialects. */
export function answerErrorAs(render: (error: HoldfastError, requestId: string) => ErrorAnswer): ErrorHandler {
  return (cause, request, reply) => {
    const error = coded(cause);
    const answer = render(error, request.id);
    const wait = error.details['retryAfterSeconds'] ?? answer.retryAfterSeconds;
    if (typeof wait === 'number') reply.header('retry-after', wait);
    if (closing.has(error.code)) reply.header('connection', 'close');
    if (error.code === 'unauthenticated') reply.header('www-authenticate', 'Bearer realm="holdfast"');
    if (error.code === 'token-expired')
      reply.header('www-authenticate', 'Bearer realm="holdfast", error="invalid_token"');
    const { id: uploadId } = (request.params ?? {}) as { id?: string };
    const level = answer.status >= 500 ? 'error' : 'info';
    request.log[level](
      { code: error.code, uploadId, route: request.routeOptions.url, ...(level === 'error' ? { err: error } : {}) },
      error.message,
    );
    return reply.code(answer.status).type(answer.contentType).send(JSON.stringify(answer.body));
  };
}

/** What node:http could not read as a request: answered as a problem too, then the connection is closed. */
export function answerUnreadable(error: { readonly code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) return;
  const { status, refusal } = unreadable(error.code);
  const body = JSON.stringify({ ...problemOf(refusal, randomUUID()), status });
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    'Content-Type: application/problem+json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
  ];
  // In the middle of an answer it would be taken for a part of that. The property is Node's own, which asks the same when nobody listens.
  const { _httpMessage: running } = socket as { readonly _httpMessage?: { readonly headersSent: boolean } | null };
  if (socket.writable && running?.headersSent !== true)
    socket.end(`${head.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy());
  else socket.destroy();
}

/** Another `Expect` than 100-continue, before anything of ours has seen the request: node:http would answer without a word. */
export function answerExpectation({ headers }: IncomingMessage, response: ServerResponse): void {
  const expected = String(headers.expect).slice(0, 100);
  const refusal = new HoldfastError('invalid-request', `Of Expect, only 100-continue is taken, not "${expected}".`);
  refuse(response, 417, refusal);
}

/** Answers a request that Fastify has not seen. */
export function refuse(response: ServerResponse, status: number, refusal: HoldfastError): void {
  const body = JSON.stringify({ ...problemOf(refusal, randomUUID()), status });
  const length = Buffer.byteLength(body);
  const type = 'application/problem+json';
  response.writeHead(status, { 'content-type': type, 'content-length': length, connection: 'close' }).end(body);
}

function unreadable(code: string | undefined): { status: number; refusal: HoldfastError } {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT')
    return { status: 408, refusal: new HoldfastError('body-timeout', 'The request did not arrive in time.') };
  if (code === 'HPE_HEADER_OVERFLOW')
    return { status: 431, refusal: new HoldfastError('invalid-request', 'The headers of the request are too large.') };
  return { status: 400, refusal: new HoldfastError('invalid-request', 'The request is not well-formed HTTP/1.1.') };
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
