/** Errors on the native API: problem details (RFC 9457, `application/problem+json`) with a stable code. */
import { type Static, Type } from 'typebox';

export const problemContentType = 'application/problem+json';

export const Problem = Type.Object(
  {
    type: Type.String({ description: '`urn:holdfast:error:<code>`' }),
    title: Type.String({ description: 'What happened, the same for every error of this code.' }),
    status: Type.Integer(),
    detail: Type.String({ description: 'What happened here, and what to do.' }),
    code: Type.String({ description: 'Stable; docs/errors.md lists all.' }),
    retryable: Type.Boolean({ description: 'Whether the same request can succeed later without being changed.' }),
    requestId: Type.Optional(Type.String()),
    details: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
  },
  { $id: 'Problem' },
);
export type Problem = Static<typeof Problem>;
