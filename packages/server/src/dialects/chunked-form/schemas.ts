/** The shapes of the chunked-form API, for its answers and for the OpenAPI document. */
import { type Static, Type } from 'typebox';
import { finalPhases, livePhases, type PhaseName } from '../../core/upload.ts';
import { mediaTypes } from '../declared-type.ts';
import { refused } from '../form-schemas.ts';

const count = Type.Integer({ minimum: 0 });
const state = Type.Unsafe<PhaseName>({ type: 'string', enum: [...livePhases, ...finalPhases] });
const id = Type.String({ description: 'The session.' });

export const SessionCreated = Type.Object({
  upload_id: id,
  chunk_size: Type.Integer({ minimum: 1, description: 'Bytes of every chunk but the last.' }),
  message: Type.String(),
});
export const ChunkReceived = Type.Object({
  upload_id: id,
  chunk_index: count,
  received_chunks: Type.Integer({ description: 'Chunks stored so far.' }),
  total_chunks: count,
  received_bytes: count,
  progress_percentage: Type.Number(),
  duplicate: Type.Boolean({ description: 'The same bytes were stored already.' }),
  message: Type.String(),
});
export const SessionCompleted = Type.Object({
  assessment_id: Type.String({ description: 'The processing run; without a pipeline, the asset.' }),
  filename: Type.String(),
  message: Type.String(),
});
export const SessionChanged = Type.Object({ upload_id: id, status: state, message: Type.String() });
export const SessionStatus = Type.Object({
  upload_id: id,
  status: state,
  filename: Type.String(),
  content_type: Type.String(),
  file_size: count,
  chunk_size: count,
  total_chunks: count,
  received_chunks: count,
  missing_chunks: Type.Array(count, { description: 'At most 10,000, in order.' }),
  received_bytes: count,
  progress_percentage: Type.Number(),
  expires_at: Type.String({ format: 'date-time' }),
  error: Type.Union([Type.String(), Type.Null()]),
  assessment_id: Type.Union([Type.String(), Type.Null()], { description: 'Once it is completed.' }),
});
export const SessionList = Type.Object({ active_sessions: count, session_ids: Type.Array(Type.String()) });

export type ChunkReceived = Static<typeof ChunkReceived>;
export type SessionChanged = Static<typeof SessionChanged>;
export type SessionStatus = Static<typeof SessionStatus>;

const InitForm = Type.Object({
  filename: Type.String(),
  file_size: Type.Integer({ minimum: 0 }),
  total_chunks: Type.Integer({ minimum: 0, description: 'file_size in chunks of chunk_size, rounded up.' }),
  content_type: Type.Optional(Type.String()),
});
const ChunkForm = Type.Object({
  upload_id: id,
  chunk_index: Type.Integer({ minimum: 0, description: 'From 0.' }),
  chunk: Type.String({ format: 'binary' }),
});
const UploadId = Type.Object({ upload_id: id });

const tags = ['chunked-form'];
const consumes = Object.values(mediaTypes);

export const initSchema = {
  tags,
  summary: 'Begin a session',
  consumes,
  body: InitForm,
  response: { 200: SessionCreated, ...refused },
};

export const chunkSchema = {
  tags,
  summary: 'Send one chunk; the answer acknowledges it durably',
  description: 'Fields before the file go straight to storage; after it, the chunk waits in memory for them.',
  consumes: [mediaTypes.multipart],
  body: ChunkForm,
  response: { 200: ChunkReceived, ...refused },
};

export const completeSchema = {
  tags,
  summary: 'Wait for the end; processing starts by itself',
  consumes,
  body: UploadId,
  response: { 200: SessionCompleted, ...refused },
};

export function changeSchema(summary: string) {
  return { tags, summary, consumes, body: UploadId, response: { 200: SessionChanged, ...refused } };
}

const statusAnswer = { 200: SessionStatus, ...refused };
export const statusSchema = { tags, summary: 'What has arrived', querystring: UploadId, response: statusAnswer };
export const statusFormSchema = {
  tags,
  summary: 'The same, with a form',
  consumes,
  body: UploadId,
  response: statusAnswer,
};

export const sessionsSchema = {
  tags,
  summary: 'Sessions that are not ended',
  response: { 200: SessionList, ...refused },
};
