/** What a server says of itself and of who asks: GET /v1/server → ServerInfo, GET /v1/session → Session. */
import { type Static, Type } from 'typebox';

export const ServerInfo = Type.Object(
  {
    name: Type.Literal('holdfast'),
    version: Type.String(),
    durability: Type.Union([Type.Literal('synced'), Type.Literal('committed')]),
    direct: Type.Boolean({ description: 'Whether chunks may be sent straight to the store.' }),
    limits: Type.Object({
      fileBytesMax: Type.Integer(),
      chunkBytesMin: Type.Integer(),
      chunkBytesMax: Type.Integer(),
      chunkBytesDefault: Type.Integer(),
      liveUploadsMax: Type.Integer(),
      /** Bytes of a file that may come with the request that creates its upload. */
      wholeBytesMax: Type.Integer(),
    }),
  },
  { $id: 'ServerInfo' },
);
export type ServerInfo = Static<typeof ServerInfo>;

export const Session = Type.Object(
  {
    principal: Type.String({ description: 'Whose uploads and assets it acts on; `anonymous` where nobody signs in.' }),
  },
  { $id: 'Session' },
);
export type Session = Static<typeof Session>;
