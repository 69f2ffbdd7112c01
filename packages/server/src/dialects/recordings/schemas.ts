/** The shapes of the recordings API, for its answers and for the OpenAPI document. Names as in the service that it comes from. */
import { type Static, type TSchema, Type } from 'typebox';
import { mediaTypes } from '../declared-type.ts';
import { refused } from '../form-schemas.ts';
import { estados } from './estado.ts';

const Nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()]);
const Count = Type.Integer({ minimum: 0 });
const Time = Type.String({ format: 'date-time' });
const Numbers = Type.Array(Type.Integer({ minimum: 1 }), { description: 'From 1, in order, at most 10,000.' });
const Percentage = Type.Number({ minimum: 0, maximum: 100 });
const Checksum = Type.String({ description: 'MD5 (32 hex digits) or SHA-256 (64 hex digits).' });
const Speed = Nullable(Type.Number({ description: 'MiB per second.' }));
const EstadoName = Type.Unsafe<(typeof estados)[number]>({ type: 'string', enum: [...estados] });
const RecordingId = Type.String({ description: 'The same as upload_session_id.' });
const SessionId = Type.String();

const clientConfig = {
  max_chunk_size_mb: Type.Number(),
  recommended_chunk_size_mb: Type.Number({ description: 'MiB of every chunk but the last: cut the file by it.' }),
  session_timeout_hours: Type.Number(),
  validation_enabled: Type.Boolean({ description: 'Whether checksums that are sent are checked.' }),
  audio_compression_enabled: Type.Boolean(),
  default_compression_preset: Type.String(),
  preserve_original_audio: Type.Boolean(),
};
const ClientConfig = Type.Object(clientConfig);

const RecordingCreated = Type.Object({
  recording_id: RecordingId,
  upload_session_id: SessionId,
  upload_urls: Type.Object({
    chunk_upload_url: Type.String(),
    complete_url: Type.String(),
    status_url: Type.String(),
    recovery_url: Type.String(),
  }),
  chunk_config: Type.Object({
    ...clientConfig,
    chunk_size: Type.Integer({ description: 'recommended_chunk_size_mb in bytes.' }),
    upload_session_id: SessionId,
    total_chunks_expected: Count,
    expires_at: Time,
  }),
  message: Type.String(),
});

const chunk = {
  chunk_number: Type.Integer({ minimum: 1 }),
  chunk_size: Type.Integer({ description: 'Bytes.' }),
  chunk_checksum: Nullable(Checksum),
  checksum_algorithm: Nullable(Type.String()),
  received_at: Time,
};
const ChunkReceived = Type.Object({
  status: Type.Literal('received'),
  recording_id: RecordingId,
  upload_session_id: SessionId,
  ...chunk,
  chunks_received: Count,
  total_chunks: Count,
  progress_percentage: Percentage,
  is_complete: Type.Boolean(),
  upload_ready_for_assembly: Type.Boolean({ description: 'All chunks are here; the file is finished by itself.' }),
});
const ChunkRecord = Type.Object(chunk);

const uploadFacts = {
  recording_id: RecordingId,
  upload_session_id: SessionId,
  estado: EstadoName,
  filename: Type.String({ description: 'Made safe.' }),
  content_type: Type.String(),
  file_size_total: Count,
  bytes_uploaded: Count,
  chunks_received: Count,
  total_chunks_expected: Count,
  progress_percentage: Percentage,
  upload_speed_mbps: Speed,
  started_at: Time,
  last_chunk_at: Nullable(Time),
  completed_at: Nullable(Time),
  expires_at: Time,
  upload_time_seconds: Nullable(Type.Number({ description: 'From the creation to the end.' })),
  is_expired: Type.Boolean(),
  is_completed: Type.Boolean(),
  has_error: Type.Boolean(),
  error_message: Nullable(Type.String()),
  final_file_url: Nullable(Type.String()),
};
const UploadFacts = Type.Object(uploadFacts);
const UploadStatus = Type.Object({
  ...uploadFacts,
  eta_seconds: Nullable(Type.Integer()),
  missing_chunks: Numbers,
  timestamp: Time,
});

const summary = {
  ...uploadFacts,
  asignatura: Type.String(),
  tema: Type.String(),
  profesor_text: Type.String(),
  fecha: Nullable(Type.String()),
  filename_original: Type.String({ description: 'As the client gave it.' }),
  chunk_size: Type.Integer(),
  file_checksum_expected: Nullable(Checksum),
  file_checksum_actual: Nullable(Checksum),
  checksum_algorithm: Type.String({ description: 'Of both checksums: md5 or sha-256.' }),
  storage_location: Nullable(Type.String()),
  created_at: Time,
  updated_at: Time,
};
const Summary = Type.Object(summary);
const RecordingDetails = Type.Object({
  ...summary,
  missing_chunks: Numbers,
  chunks_metadata: Type.Array(ChunkRecord, { description: 'The first 1,000; all of them at /chunks.' }),
  processing_run_id: Nullable(Type.String({ description: 'GET /v1/runs/:id' })),
  validation_enabled: Type.Boolean({ description: 'Whether this server checks checksums that are sent to it now.' }),
});
const RecordList = Type.Object({
  recordings: Type.Array(Summary),
  total: Count,
  skip: Count,
  limit: Count,
  has_more: Type.Boolean(),
});

const adviceTypes = [
  'upload_missing_chunks',
  'nearly_complete',
  'resume_upload',
  'wait',
  'already_completed',
  'start_again',
] as const;
const Recommendation = Type.Object({
  type: Type.Unsafe<(typeof adviceTypes)[number]>({ type: 'string', enum: [...adviceTypes] }),
  message: Type.String(),
  missing_chunks: Numbers,
});
const Recovery = Type.Object({
  recovery_possible: Type.Boolean(),
  recording_id: RecordingId,
  upload_session_id: SessionId,
  estado: EstadoName,
  chunks_missing: Numbers,
  chunks_received: Count,
  total_chunks_expected: Count,
  progress_percentage: Percentage,
  bytes_uploaded: Count,
  file_size_total: Count,
  chunk_upload_url: Type.String(),
  complete_url: Type.String(),
  expires_at: Time,
  recommendations: Type.Array(Recommendation),
});

const RecordingCompleted = Type.Object({
  message: Type.String(),
  recording_id: RecordingId,
  upload_session_id: SessionId,
  status: Type.Literal('completed'),
  estado: EstadoName,
  final_file_url: Type.String(),
  processing_run_id: Nullable(Type.String()),
  checksum_validated: Type.Boolean({ description: 'False where no file_checksum was declared.' }),
  file_checksum_expected: Nullable(Checksum),
  file_checksum_actual: Nullable(Checksum),
  file_info: Type.Object({
    filename: Type.String(),
    content_type: Type.String(),
    file_size_bytes: Count,
    file_size_mb: Type.Number(),
    total_chunks: Count,
    upload_time_seconds: Type.Number(),
    upload_speed_mbps: Speed,
  }),
});
const Changed = Type.Object({
  recording_id: RecordingId,
  upload_session_id: SessionId,
  estado: EstadoName,
  message: Type.String(),
});

export type ClientConfig = Static<typeof ClientConfig>;
export type RecordingCreated = Static<typeof RecordingCreated>;
export type ChunkReceived = Static<typeof ChunkReceived>;
export type ChunkRecord = Static<typeof ChunkRecord>;
export type UploadFacts = Static<typeof UploadFacts>;
export type UploadStatus = Static<typeof UploadStatus>;
export type Summary = Static<typeof Summary>;
export type RecordingDetails = Static<typeof RecordingDetails>;
export type Recommendation = Static<typeof Recommendation>;
export type Recovery = Static<typeof Recovery>;
export type RecordingCompleted = Static<typeof RecordingCompleted>;

const CreateForm = Type.Object({
  asignatura: Type.String({ description: 'Subject.' }),
  tema: Type.String({ description: 'Topic.' }),
  profesor_text: Type.String({ description: 'Speaker.' }),
  fecha: Type.Optional(Type.String({ description: 'When it was recorded; kept as it comes.' })),
  filename: Type.String(),
  content_type: Type.Optional(Type.String()),
  file_size_total: Type.Integer({ minimum: 0 }),
  file_checksum: Type.Optional(Checksum),
});
const ChunkForm = Type.Object({
  upload_session_id: SessionId,
  chunk_number: Type.Integer({ minimum: 1 }),
  total_chunks: Type.Optional(Type.Integer({ description: 'Checked against total_chunks_expected.' })),
  chunk_checksum: Type.Optional(Checksum),
  checksum: Type.Optional(Type.String({ description: 'Another name for chunk_checksum.' })),
  file: Type.String({ format: 'binary' }),
});
const CompleteForm = Type.Object({
  upload_session_id: SessionId,
  validate_checksum: Type.Optional(Type.Boolean({ default: true })),
});
const SessionForm = Type.Object({ upload_session_id: Type.Optional(SessionId) });

const tags = ['recordings'];
const consumes = Object.values(mediaTypes);
const params = Type.Object({ id: RecordingId });

export const createSchema = {
  tags,
  summary: 'Begin a recording',
  consumes,
  body: CreateForm,
  response: { 200: RecordingCreated, ...refused },
};
export const configSchema = {
  tags,
  summary: 'What clients shall do before they begin one',
  response: { 200: ClientConfig, ...refused },
};
export const chunkSchema = {
  tags,
  summary: 'Send one chunk; the answer acknowledges it durably',
  description: 'Write the fields before the file: then it goes straight to storage.',
  consumes: [mediaTypes.multipart],
  params,
  body: ChunkForm,
  response: { 200: ChunkReceived, ...refused },
};
export const completeSchema = {
  tags,
  summary: 'Wait for the end; processing starts by itself',
  consumes,
  params,
  body: CompleteForm,
  response: { 200: RecordingCompleted, ...refused },
};
export const statusSchema = {
  tags,
  summary: 'What has arrived',
  params,
  querystring: SessionForm,
  response: { 200: UploadStatus, ...refused },
};
export const recoverySchema = {
  tags,
  summary: 'What to do about an upload that was interrupted',
  consumes,
  params,
  querystring: SessionForm,
  body: SessionForm,
  response: { 200: Recovery, ...refused },
};
export function changeSchema(summary: string) {
  const answer = { 200: Changed, ...refused };
  return { tags, summary, consumes, params, querystring: SessionForm, body: SessionForm, response: answer };
}
export const listSchema = {
  tags,
  summary: 'Recordings, newest first',
  querystring: Type.Object({
    skip: Type.Optional(Count),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 200, default: 20 })),
    asignatura: Type.Optional(Type.String({ description: 'Only this subject, in any case.' })),
  }),
  response: { 200: RecordList, ...refused },
};
export const getSchema = { tags, summary: 'One recording', params, response: { 200: RecordingDetails, ...refused } };
export const chunksSchema = {
  tags,
  summary: 'The chunks that are stored',
  params,
  querystring: Type.Object({
    after: Type.Optional(Type.Integer({ description: 'Chunks with a higher number.' })),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 10_000, default: 1_000 })),
  }),
  response: { 200: Type.Object({ chunks: Type.Array(ChunkRecord) }), ...refused },
};
