/** Which recording a request is about. Its id is that of its upload session; requests name both, and they have to agree. */
import type { FastifyRequest } from 'fastify';
import { HoldfastError } from '../../core/errors.ts';
import type { Handle } from '../../uploads/service.ts';
import { checkedId, optionalText } from '../field-values.ts';
import { collected, type Fields } from '../form-fields.ts';
import type { RecordingsContext } from './context.ts';

export const protocol = 'recordings';

/** From here on the log lines of the request have the session. Throws `upload-not-found`. */
export function handleOf(request: FastifyRequest, context: RecordingsContext): Handle {
  const id = checkedId((request.params as { readonly id: string }).id);
  request.log = request.log.child({ uploadId: id });
  return { ...context.caller(request), id };
}

/** Throws `upload-not-found` when the session, where it is named, is another one. */
export function checkSession(fields: Fields, { id }: Handle): void {
  const session = optionalText(fields, 'upload_session_id');
  if (session === undefined || session === id) return;
  const message = `The upload session ${session.slice(0, 64)} does not belong to the recording ${id}.`;
  throw new HoldfastError('upload-not-found', message, { details: { field: 'upload_session_id' } });
}

export function queryOf(request: FastifyRequest): Fields {
  return collected(Object.entries(request.query as Record<string, unknown>));
}
