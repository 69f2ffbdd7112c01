/** Shapes that the documents of form dialects share. */
import { Type } from 'typebox';

const Detail = Type.Object(
  {
    detail: Type.String({ description: 'What is wrong, in words.' }),
    code: Type.String({ description: 'Stable; the list is in docs/errors.md.' }),
    message: Type.String(),
    retryable: Type.Boolean(),
    request_id: Type.String(),
    field: Type.Optional(Type.String({ description: 'The field that is wrong.' })),
    missing_chunks: Type.Optional(Type.Array(Type.Integer())),
  },
  { description: 'A refusal.' },
);

export const refused = { '4xx': Detail, '5xx': Detail };
