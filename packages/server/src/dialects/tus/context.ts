/** What the tus dialect needs from the HTTP layer and the services; passed in by the composition root. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { HoldfastError } from '../../core/errors.ts';
import type { Limits } from '../../core/limits.ts';
import type { InterruptibleBody } from '../../core/ports/body-source.ts';
import type { Caller } from '../../uploads/caller.ts';
import type { UploadService } from '../../uploads/service.ts';
import type { Refusal } from './refusals.ts';

export interface TusContext {
  readonly uploads: UploadService;
  readonly limits: Limits;
  /** Who asks, for the upload service. */
  caller(request: FastifyRequest): Caller;
  /** The raw body of a request whose content type has no parser. */
  body(request: FastifyRequest): InterruptibleBody;
  /** An error handler that answers in the words of this dialect. */
  answerErrorAs(
    render: (error: HoldfastError, requestId: string) => Refusal,
  ): (cause: unknown, request: FastifyRequest, reply: FastifyReply) => FastifyReply;
}
