/** What plugins of form dialects have in common: bodies that nobody parses ahead, and errors in FastAPI's shape. */
import type { FastifyInstance, FastifyReply, FastifyRequest, FastifySchema } from 'fastify';
import { HoldfastError } from '../core/errors.ts';
import { takeBodiesUnparsed } from './declared-type.ts';
import type { FormIntake } from './form-intake.ts';
import type { Refusal } from './form-refusals.ts';

export function speakForms(
  app: FastifyInstance,
  intake: FormIntake,
  refusalOf: (error: HoldfastError, requestId: string) => Refusal,
): void {
  const answer = intake.answerErrorAs(refusalOf);
  app.setErrorHandler(answer);
  const nothingHere = (request: FastifyRequest, reply: FastifyReply) => {
    const path = (request.url.split('?')[0] ?? '').slice(0, 200);
    const error = new HoldfastError('route-not-found', `There is nothing at ${request.method} ${path}.`);
    return answer(error, request, reply);
  };
  app.setNotFoundHandler(nothingHere);
  // Or the page, which has a place for every address, would answer.
  const hidden: FastifySchema & { readonly hide: boolean } = { hide: true };
  app.get('/*', { schema: hidden }, nothingHere);
  // Bodies come in three types and are checked field by field when they are read; the schemas describe them.
  app.setValidatorCompiler(() => () => true);
  takeBodiesUnparsed(app);
}
