/** What plugins of form dialects have in common: bodies that nobody parses ahead, and errors in FastAPI's shape. */
import type { FastifyInstance } from 'fastify';
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
  app.setNotFoundHandler((request, reply) => {
    const path = (request.url.split('?')[0] ?? '').slice(0, 200);
    return answer(
      new HoldfastError('route-not-found', `There is nothing at ${request.method} ${path}.`),
      request,
      reply,
    );
  });
  // Bodies come in three types and are checked field by field when they are read; the schemas describe them.
  app.setValidatorCompiler(() => () => true);
  takeBodiesUnparsed(app);
}
