/**
 * Upload tokens: an application's server asks for one with its API key and gives it to a browser, for one upload.
 *
 *   POST   /v1/upload-tokens        CreateUploadToken → 201 IssuedUploadToken
 *   DELETE /v1/upload-tokens/:id    → 204
 */
import { type Static, Type } from 'typebox';

const Nullable = <T extends Parameters<typeof Type.Union>[0][number]>(schema: T) => Type.Union([schema, Type.Null()]);

export const CreateUploadToken = Type.Object(
  {
    maxSize: Type.Optional(
      Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER, description: 'Bytes of the largest file taken.' }),
    ),
    allowedTypes: Type.Optional(
      Type.Array(Type.String({ maxLength: 255 }), {
        minItems: 1,
        maxItems: 32,
        description: 'Media types such as video/mp4, or ranges: audio/*. By what is declared and by the first bytes.',
      }),
    ),
    filename: Type.Optional(
      Type.String({ minLength: 1, maxLength: 1024, description: 'The name that the upload gets, whatever is sent.' }),
    ),
    metadata: Type.Optional(
      Type.Record(Type.String({ minLength: 1, maxLength: 128 }), Type.String({ maxLength: 4096 }), {
        maxProperties: 64,
        description: 'Set on the upload over what the bearer sends: words of the application that cannot be forged.',
      }),
    ),
    subject: Type.Optional(
      Type.String({
        maxLength: 64,
        description: 'For whom: the upload and its asset belong to <principal>/<subject>, read with Holdfast-Subject.',
      }),
    ),
    uploadId: Type.Optional(
      Type.String({ maxLength: 64, description: 'For this upload, which exists: to go on when a token expired.' }),
    ),
    expiresInSeconds: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 7 * 24 * 3600, description: 'Default: an hour.' }),
    ),
  },
  { additionalProperties: false },
);
export type CreateUploadToken = Static<typeof CreateUploadToken>;

export const IssuedUploadToken = Type.Object({
  id: Type.String({ description: 'To revoke it.' }),
  token: Type.String({ description: 'Told this once. Sent as Authorization: Bearer.' }),
  principal: Type.String({ description: 'Whose the upload will be.' }),
  uploadId: Nullable(Type.String()),
  maxSize: Nullable(Type.Integer()),
  allowedTypes: Nullable(Type.Array(Type.String())),
  filename: Nullable(Type.String()),
  metadata: Type.Record(Type.String(), Type.String()),
  expiresAt: Type.String({ format: 'date-time' }),
});
export type IssuedUploadToken = Static<typeof IssuedUploadToken>;
