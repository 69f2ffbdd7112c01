/** What dialects that speak in forms need from the HTTP layer; passed in by the composition root. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { HoldfastError } from '../core/errors.ts';
import type { BodySource } from '../core/ports/body-source.ts';
import type { FormLimits, FormSource } from '../core/ports/form-source.ts';
import type { Caller } from '../uploads/caller.ts';
import type { Refusal } from './form-refusals.ts';

export interface FormIntake {
  /** Who asks, for the upload service: it holds the bearer of an upload token to its bounds. */
  caller(request: FastifyRequest): Caller;
  /** The principal, for everything else. Throws `token-scope` for the bearer of an upload token. */
  principal(request: FastifyRequest): string;
  /** The raw body of a request whose content type has no parser. */
  body(request: FastifyRequest): BodySource;
  /** The parts of a multipart body; it abandons the body with itself. */
  form(body: BodySource, boundary: string, limits: FormLimits): FormSource;
  /** An error handler that answers in the words of a dialect. */
  answerErrorAs(
    render: (error: HoldfastError, requestId: string) => Refusal,
  ): (cause: unknown, request: FastifyRequest, reply: FastifyReply) => FastifyReply;
}
