/**
 * Chunks that clients send straight to the store of a server that offers it (`direct` of an upload).
 *
 *   POST /v1/uploads/:id/direct           addresses of chunks      WantAddresses → ChunkAddresses
 *   PUT  <address>                        to the store             raw bytes of the chunk → ETag
 *   POST /v1/uploads/:id/direct/:index    report of a sent chunk   ReportChunk → ChunkReceipt
 */
import { type Static, Type } from 'typebox';

export const WantAddresses = Type.Object(
  {
    chunks: Type.Array(Type.Integer({ minimum: 0 }), {
      minItems: 1,
      maxItems: 1_000,
      description: 'Indexes; 100 at most.',
    }),
  },
  { $id: 'WantAddresses', additionalProperties: false },
);
export type WantAddresses = Static<typeof WantAddresses>;
export const ChunkAddress = Type.Object({
  index: Type.Integer(),
  url: Type.String({ description: 'For a PUT of the chunk’s bytes that begins before `expiresAt`.' }),
  length: Type.Integer({ description: 'Bytes that the store takes there, no more and no fewer.' }),
  expiresAt: Type.String({ format: 'date-time' }),
  expiresIn: Type.Number({ description: 'The same in seconds from the answer, for clients whose clock is wrong.' }),
});
export type ChunkAddress = Static<typeof ChunkAddress>;
export const ChunkAddresses = Type.Object({ items: Type.Array(ChunkAddress) }, { $id: 'ChunkAddresses' });
export type ChunkAddresses = Static<typeof ChunkAddresses>;
export const ReportChunk = Type.Object(
  {
    etag: Type.Optional(Type.String({ maxLength: 128, description: 'As the store answered the PUT.' })),
    sha256: Type.Optional(
      Type.String({ pattern: '^[0-9a-fA-F]{64}$', description: 'Of the chunk; checked before it is acknowledged.' }),
    ),
  },
  { $id: 'ReportChunk', additionalProperties: false },
);
export type ReportChunk = Static<typeof ReportChunk>;
