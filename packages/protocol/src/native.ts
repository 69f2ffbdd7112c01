/**
 * The native API, version 1. Times are ISO 8601 in UTC; sizes and offsets are bytes; chunk indexes are 0-based; digests are lower-case hex.
 *
 *   POST   /v1/uploads                      create            CreateUpload → 201 Upload (Location)
 *   GET    /v1/uploads                      list              ?state=&filename=&limit=&cursor= → UploadList
 *   GET    /v1/uploads/:id                  status            → Upload
 *   PUT    /v1/uploads/:id/chunks/:index    send a chunk      raw body, Content-Length, optional Content-Digest → ChunkReceipt
 *   POST   /v1/uploads/:id/pause|resume     → Upload
 *   POST   /v1/uploads/:id/complete         wait for the end  ?wait=seconds (0 … 60, 20) → 200 Upload | 202 Upload (still finishing) | 409 missing-chunks
 *   DELETE /v1/uploads/:id                  cancel            → Upload
 *   GET    /v1/uploads/:id/chunks          what is stored     ?after=index&limit= → ChunkList
 *   GET    /v1/uploads/:id/events           log               JSON EventList ?after=seq&limit= | text/event-stream (Last-Event-ID)
 *   GET    /v1/events                       everything of the principal, as text/event-stream (Last-Event-ID) or JSON
 *   GET    /v1/assets                       list              ?filename=&limit=&cursor= → AssetList
 *   GET    /v1/assets/:id                   → Asset
 *   GET    /v1/assets/:id/content           bytes             Range, ETag, ?download=1
 *   GET    /v1/assets/:id/runs              → { items: Run[] }
 *   GET    /v1/assets/:id/artifacts         → { items: Artifact[] }
 *   GET    /v1/assets/:id/artifacts/:step/:name   bytes
 *   GET    /v1/runs, /v1/runs/:id           → RunList, Run
 *   GET    /v1/runs/:id/events              log, JSON or event stream
 *   POST   /v1/runs/:id/retry               failed steps again → Run
 *   More on runs, steps and classes: runs.ts
 *   GET    /v1/server                       what this server takes: limits, versions → ServerInfo
 *   GET    /v1/session                      who asks → Session
 */
import { type Static, type TSchema, Type } from 'typebox';

const Nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()]);
const Time = Type.String({ format: 'date-time' });
const Sha256Hex = Type.String({ pattern: '^[0-9a-f]{64}$' });

export const uploadStates = [
  'receiving',
  'paused',
  'validating',
  'assembling',
  'completed',
  'cancelled',
  'expired',
  'failed',
] as const;
export const UploadState = Type.Union(
  uploadStates.map((s) => Type.Literal(s)),
  { $id: 'UploadState' },
);
export type UploadState = (typeof uploadStates)[number];

export const ByteRange = Type.Object({ start: Type.Integer(), end: Type.Integer({ description: 'exclusive' }) });
export type ByteRange = Static<typeof ByteRange>;

export const CreateUpload = Type.Object(
  {
    filename: Type.String({ minLength: 1, maxLength: 1024 }),
    size: Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER, description: 'Bytes in the whole file.' }),
    contentType: Type.Optional(Type.String({ maxLength: 255 })),
    chunkSize: Type.Optional(Type.Integer({ minimum: 1, description: 'Wished; the answer has the one that counts.' })),
    sha256: Type.Optional(
      Type.String({
        pattern: '^[0-9a-fA-F]{64}$',
        description:
          'Of the whole file. Checked; and if the principal owns that content, the upload completes at once.',
      }),
    ),
    metadata: Type.Optional(
      Type.Record(Type.String({ minLength: 1, maxLength: 128 }), Type.String({ maxLength: 4096 }), {
        maxProperties: 64,
      }),
    ),
  },
  { $id: 'CreateUpload', additionalProperties: false },
);
export type CreateUpload = Static<typeof CreateUpload>;

export const Upload = Type.Object(
  {
    id: Type.String(),
    filename: Type.String({ description: 'As the client gave it.' }),
    safeName: Type.String(),
    contentType: Type.String(),
    protocol: Type.String({ description: 'The one that created it: native, chunked-form, tus …' }),
    intake: Type.Union([Type.Literal('grid'), Type.Literal('append')], {
      description: 'Only a grid takes chunks; the bytes of the other are appended by the protocol that created it.',
    }),
    size: Nullable(Type.Integer({ description: 'Null while another protocol has not told the length yet.' })),
    chunkSize: Type.Integer(),
    totalChunks: Type.Integer(),
    state: Type.Unsafe<UploadState>(Type.Ref('UploadState')),
    receivedBytes: Type.Integer({ description: 'Bytes acknowledged.' }),
    receivedChunks: Type.Integer(),
    progress: Type.Number({ description: '0 … 1, from what is stored.' }),
    missing: Type.Array(ByteRange, { description: 'Ranges not stored; at most 1,000, then `missingTruncated`.' }),
    missingChunks: Type.Array(Type.Integer(), { description: 'Indexes not stored whole; at most 10,000.' }),
    missingTruncated: Type.Boolean(),
    bytesPerSecond: Nullable(Type.Number({ description: 'Measured over the recent receipts.' })),
    etaSeconds: Nullable(Type.Number()),
    hashedBytes: Nullable(
      Type.Integer({
        description: 'While every byte is checked (`validating`): how many are. Null where another node does that.',
      }),
    ),
    expectedSha256: Nullable(
      Type.String({
        pattern: '^[0-9a-f]{64}$',
        description: 'Null also where a digest by another algorithm was declared.',
      }),
    ),
    sha256: Nullable(Sha256Hex),
    assetId: Nullable(Type.String()),
    failure: Nullable(Type.Object({ code: Type.String(), reason: Type.String() })),
    metadata: Type.Record(Type.String(), Type.String()),
    createdAt: Time,
    updatedAt: Time,
    expiresAt: Time,
    firstByteAt: Nullable(Time),
    lastByteAt: Nullable(Time),
    completedAt: Nullable(Time),
    contentUrl: Nullable(Type.String({ description: 'Where the file can be read once the upload is completed.' })),
    direct: Type.Boolean({
      description: 'Whether chunks may also be sent straight to the store: POST /v1/uploads/:id/direct.',
    }),
    lastEvent: Type.Integer({ description: 'Sequence number of the last event in the log.' }),
  },
  { $id: 'Upload' },
);
export type Upload = Static<typeof Upload>;

/** An upload in a list: without the missing ranges, which need its extents. */
export const UploadSummary = Type.Omit(
  Upload,
  ['missing', 'missingChunks', 'missingTruncated', 'receivedChunks', 'hashedBytes', 'direct'],
  { $id: 'UploadSummary' },
);
export type UploadSummary = Static<typeof UploadSummary>;
export const UploadList = Type.Object(
  { items: Type.Array(UploadSummary), cursor: Nullable(Type.String()) },
  { $id: 'UploadList' },
);
export type UploadList = Static<typeof UploadList>;

export const ChunkReceipt = Type.Object(
  {
    uploadId: Type.String(),
    index: Type.Integer(),
    offset: Type.Integer(),
    length: Type.Integer(),
    crc32: Type.String({ description: '8 hex digits.' }),
    sha256: Nullable(Sha256Hex),
    duplicate: Type.Boolean({ description: 'The same bytes were already stored.' }),
    receivedBytes: Type.Integer(),
    size: Type.Integer(),
    state: Type.Unsafe<UploadState>(Type.Ref('UploadState')),
  },
  { $id: 'ChunkReceipt' },
);
export type ChunkReceipt = Static<typeof ChunkReceipt>;

export const ChunkRecord = Type.Object(
  {
    index: Type.Integer(),
    offset: Type.Integer(),
    length: Type.Integer(),
    crc32: Type.String({ description: '8 hex digits.' }),
    sha256: Nullable(Sha256Hex),
    receivedAt: Time,
  },
  { $id: 'ChunkRecord' },
);
export type ChunkRecord = Static<typeof ChunkRecord>;
export const ChunkList = Type.Object({ items: Type.Array(ChunkRecord) }, { $id: 'ChunkList' });
export type ChunkList = Static<typeof ChunkList>;

export const LogEvent = Type.Object(
  {
    id: Type.Integer({ description: 'Position in the log of everything.' }),
    subject: Type.Union([Type.Literal('upload'), Type.Literal('run')]),
    subjectId: Type.String(),
    seq: Type.Integer({ description: '1, 2, 3 … within the subject.' }),
    at: Time,
    type: Type.String({
      description:
        'upload: created, progress, paused, resumed, validating, assembling, completed, cancelled, expired, failed, bytes-dropped; run: run.created, step.started, step.progress, step.succeeded, step.skipped, step.retrying, step.failed, step.cancelling, step.cancelled, run.cancelling, run.succeeded, run.failed, run.cancelled',
    }),
    message: Type.String(),
    data: Type.Record(Type.String(), Type.Unknown()),
  },
  { $id: 'LogEvent' },
);
export type LogEvent = Static<typeof LogEvent>;
export const EventList = Type.Object({ items: Type.Array(LogEvent) }, { $id: 'EventList' });
export type EventList = Static<typeof EventList>;

export const Asset = Type.Object(
  {
    id: Sha256Hex,
    sha256: Sha256Hex,
    size: Type.Integer(),
    contentType: Type.String(),
    filename: Type.String({ description: 'The newest name under which it came.' }),
    sources: Type.Array(
      Type.Object({
        uploadId: Type.String({ description: 'Of a watched file an id that follows from where it is.' }),
        filename: Type.String(),
        metadata: Type.Record(Type.String(), Type.String()),
        addedAt: Time,
        watched: Type.Optional(
          Type.Object(
            { folder: Type.String(), path: Type.String() },
            { description: 'Where it was found, if it came from a watched folder.' },
          ),
        ),
      }),
    ),
    createdAt: Time,
    contentUrl: Type.String(),
  },
  { $id: 'Asset' },
);
export type Asset = Static<typeof Asset>;
export const AssetList = Type.Object(
  { items: Type.Array(Asset), cursor: Nullable(Type.String()) },
  { $id: 'AssetList' },
);
export type AssetList = Static<typeof AssetList>;

export const Artifact = Type.Object(
  {
    step: Type.String({ description: 'Name of the step.' }),
    stepKey: Type.String(),
    name: Type.String(),
    contentType: Type.String(),
    size: Type.Integer(),
    sha256: Sha256Hex,
    url: Type.String(),
  },
  { $id: 'Artifact' },
);
export type Artifact = Static<typeof Artifact>;

export const stepStates = ['blocked', 'pending', 'running', 'succeeded', 'skipped', 'failed', 'cancelled'] as const;
export const runStates = ['running', 'succeeded', 'failed', 'cancelled'] as const;
export const Step = Type.Object(
  {
    key: Type.String(),
    name: Type.String(),
    version: Type.String(),
    state: Type.Union(stepStates.map((s) => Type.Literal(s))),
    attempt: Type.Integer(),
    attemptsMax: Type.Integer(),
    progress: Type.Number(),
    output: Nullable(Type.Record(Type.String(), Type.Unknown())),
    reason: Nullable(Type.String()),
    errorClass: Nullable(
      Type.String({ description: 'permanent, transient, timeout, stalled, lost, crash: what kind of failure it was.' }),
    ),
    cancelling: Type.Boolean({ description: 'Its cancellation was asked for, and it has not let go yet.' }),
    startedAt: Nullable(Time),
    finishedAt: Nullable(Time),
  },
  { $id: 'Step' },
);
export type Step = Omit<Static<typeof Step>, 'state'> & { state: (typeof stepStates)[number] };

export const Run = Type.Object(
  {
    id: Type.String(),
    assetId: Sha256Hex,
    assetName: Type.String({ description: 'The newest name under which the asset came, made safe.' }),
    pipeline: Type.String(),
    pipelineVersion: Type.String(),
    state: Type.Union(runStates.map((s) => Type.Literal(s))),
    cancelling: Type.Boolean({
      description: 'Its cancellation was asked for, and something of it has not let go yet.',
    }),
    steps: Type.Array(Step),
    createdAt: Time,
    finishedAt: Nullable(Time),
  },
  { $id: 'Run' },
);
export type Run = Omit<Static<typeof Run>, 'steps' | 'state'> & { steps: Step[]; state: (typeof runStates)[number] };
export const RunList = Type.Object({ items: Type.Array(Run), cursor: Nullable(Type.String()) }, { $id: 'RunList' });
export type RunList = { items: Run[]; cursor: string | null };
