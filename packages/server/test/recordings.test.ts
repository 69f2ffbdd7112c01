/** C1–C7: a recording by forms, field for field, from its creation to the processing run. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { expectDetail } from './chunked-form-client.ts';
import { chunkOf, lecture, md5, RecordingsClient, recordingChunkBytes } from './recordings-client.ts';
import { RunningNode, sha256, someBytes } from './running-node.ts';

const size = 2 * recordingChunkBytes + 100;
const bytes = someBytes(size);
const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/);

let node: RunningNode;
let client: RecordingsClient;
beforeAll(async () => {
  node = await RunningNode.start();
  client = new RecordingsClient(node);
});
afterAll(async () => {
  await node.close();
});

test('C3–C7: every field of every answer, over a whole life', async () => {
  const fresh = someBytes(size);
  const created = await client.create({
    ...lecture,
    filename: '../Clase «ñ».webm',
    content_type: 'audio/webm;codecs=opus',
    file_size_total: size,
    file_checksum: sha256(fresh),
    fecha: '2026-11-21T09:00:00',
  });
  expect(created.status).toBe(200);
  const id: string = created.body['recording_id'];
  expect(created.body).toEqual({
    recording_id: expect.stringMatching(/^[\w-]{36}$/),
    upload_session_id: id,
    upload_urls: {
      chunk_upload_url: `/api/v1/recordings/${id}/chunk`,
      complete_url: `/api/v1/recordings/${id}/complete`,
      status_url: `/api/v1/recordings/${id}/upload-status`,
      recovery_url: `/api/v1/recordings/${id}/recovery`,
    },
    chunk_config: {
      max_chunk_size_mb: 64,
      recommended_chunk_size_mb: 5,
      chunk_size: recordingChunkBytes,
      session_timeout_hours: 24,
      upload_session_id: id,
      total_chunks_expected: 3,
      expires_at: time,
      validation_enabled: true,
      audio_compression_enabled: true,
      default_compression_preset: 'MEDICAL_BALANCED',
      preserve_original_audio: false,
    },
    message: expect.any(String),
  });

  expect(await client.status(id)).toMatchObject({
    estado: 'iniciado',
    progress_percentage: 0,
    missing_chunks: [1, 2, 3],
    eta_seconds: null,
    last_chunk_at: null,
  });
  expect((await client.chunk(id, 3, chunkOf(fresh, 3), { total_chunks: 3 })).body).toEqual({
    status: 'received',
    recording_id: id,
    upload_session_id: id,
    chunk_number: 3,
    chunk_size: 100,
    chunk_checksum: sha256(chunkOf(fresh, 3)),
    checksum_algorithm: 'sha-256',
    chunks_received: 1,
    total_chunks: 3,
    progress_percentage: 0,
    is_complete: false,
    upload_ready_for_assembly: false,
    received_at: time,
  });
  const second = await client.chunk(id, 1, chunkOf(fresh, 1), { total_chunks: 3 });
  expect(second.body).toMatchObject({ chunks_received: 2, progress_percentage: 50, is_complete: false });

  expect(await client.status(id)).toEqual({
    recording_id: id,
    upload_session_id: id,
    estado: 'subiendo',
    filename: 'Clase «ñ».webm',
    content_type: 'audio/webm',
    file_size_total: size,
    bytes_uploaded: recordingChunkBytes + 100,
    chunks_received: 2,
    total_chunks_expected: 3,
    progress_percentage: 50,
    upload_speed_mbps: expect.any(Number),
    eta_seconds: expect.any(Number),
    missing_chunks: [2],
    started_at: time,
    last_chunk_at: time,
    completed_at: null,
    expires_at: time,
    upload_time_seconds: null,
    is_expired: false,
    is_completed: false,
    has_error: false,
    error_message: null,
    final_file_url: null,
    timestamp: time,
  });
  expect(await client.recovery(id)).toEqual({
    recovery_possible: true,
    recording_id: id,
    upload_session_id: id,
    estado: 'subiendo',
    chunks_missing: [2],
    chunks_received: 2,
    total_chunks_expected: 3,
    progress_percentage: 50,
    bytes_uploaded: recordingChunkBytes + 100,
    file_size_total: size,
    chunk_upload_url: `/api/v1/recordings/${id}/chunk`,
    complete_url: `/api/v1/recordings/${id}/complete`,
    expires_at: time,
    recommendations: [{ type: 'upload_missing_chunks', message: 'Send the 1 missing chunk.', missing_chunks: [2] }],
  });
  const early = expectDetail(await client.complete(id), 400, 'Missing chunks: [2]', 'missing-chunks');
  expect(early['missing_chunks']).toEqual([2]);

  expect((await client.chunk(id, 2, chunkOf(fresh, 2), { total_chunks: 3 })).body).toMatchObject({
    chunks_received: 3,
    progress_percentage: 100,
    is_complete: true,
    upload_ready_for_assembly: true,
  });
  const done = await client.complete(id, { validate_checksum: true });
  expect(done).toMatchObject({ status: 200 });
  expect(done.body).toEqual({
    message: 'Recording completed',
    recording_id: id,
    upload_session_id: id,
    status: 'completed',
    estado: 'completado',
    final_file_url: `/v1/assets/${sha256(fresh)}/content`,
    processing_run_id: null,
    checksum_validated: true,
    file_checksum_expected: sha256(fresh),
    file_checksum_actual: sha256(fresh),
    file_info: {
      filename: 'Clase «ñ».webm',
      content_type: 'audio/webm',
      file_size_bytes: size,
      file_size_mb: 10,
      total_chunks: 3,
      upload_time_seconds: expect.any(Number),
      upload_speed_mbps: expect.any(Number),
    },
  });
  expect((await client.complete(id)).body, 'asked again').toEqual(done.body);
  const stored = await node.fetch(done.body['final_file_url']);
  expect(sha256(Buffer.from(await stored.arrayBuffer()))).toBe(sha256(fresh));
  expect(await client.status(id)).toMatchObject({
    estado: 'completado',
    missing_chunks: [],
    chunks_received: 3,
    progress_percentage: 100,
    is_completed: true,
    final_file_url: done.body['final_file_url'],
    upload_time_seconds: done.body['file_info']['upload_time_seconds'],
  });

  // C1, C2
  expect((await client.get(id)).body).toMatchObject({
    ...lecture,
    fecha: '2026-11-21T09:00:00',
    filename: 'Clase «ñ».webm',
    filename_original: '../Clase «ñ».webm',
    chunk_size: recordingChunkBytes,
    file_checksum_expected: sha256(fresh),
    file_checksum_actual: sha256(fresh),
    checksum_algorithm: 'sha-256',
    storage_location: `assets/${sha256(fresh)}`,
    completed_at: time,
    missing_chunks: [],
    chunks_metadata: [1, 2, 3].map((number) => ({
      chunk_number: number,
      chunk_size: chunkOf(fresh, number).length,
      chunk_checksum: sha256(chunkOf(fresh, number)),
      checksum_algorithm: 'sha-256',
      received_at: time,
    })),
    validation_enabled: true,
    processing_run_id: null,
    created_at: time,
    updated_at: time,
  });
  const page = await client.send(`/${id}/chunks?after=1&limit=1`);
  expect(page.body['chunks'].map((chunk: { chunk_number: number }) => chunk.chunk_number)).toEqual([2]);
});

describe('again and at once', () => {
  test('C4: a chunk that comes twice is acknowledged twice with the same answer, also when all is done', async () => {
    const file = someBytes(size);
    const id = await client.begin(size);
    for (const number of [2, 3, 1]) {
      const first = await client.chunk(id, number, chunkOf(file, number), {
        chunk_checksum: md5(chunkOf(file, number)),
      });
      const again = await client.chunk(id, number, chunkOf(file, number), {
        chunk_checksum: md5(chunkOf(file, number)),
      });
      expect(again.body).toEqual(first.body);
      expect(first.body['status']).toBe('received');
    }
    await client.complete(id);
    for (const number of [1, 2, 3]) {
      expect(await client.chunk(id, number, chunkOf(file, number), { total_chunks: 3 })).toMatchObject({
        status: 200,
        body: { status: 'received', chunk_number: number, chunks_received: 3, is_complete: true },
      });
      const other = Uint8Array.from(chunkOf(file, number));
      other[0] = (other[0] ?? 0) ^ 1;
      const detail = new RegExp(`Chunk ${number} is already stored with other bytes`);
      expectDetail(await client.chunk(id, number, other), 409, detail, 'chunk-conflict');
    }
  });

  test('C3: content that is here already: complete at once, and a client that sends it all the same is not turned away', async () => {
    const file = someBytes(size);
    await client.upload(await client.begin(size), file);
    const id = await client.begin(size, { file_checksum: sha256(file) });
    expect(await client.status(id)).toMatchObject({
      estado: 'completado',
      chunks_received: 3,
      progress_percentage: 100,
    });
    expect((await client.upload(id, file)).body).toMatchObject({ status: 'completed', checksum_validated: true });
    expectDetail(await client.chunk(id, 1, chunkOf(bytes, 1)), 409, /Chunk 1 is already stored/, 'chunk-conflict');
  });

  test('C4: two clients at one chunk: one is stored, both are told so; of two different ones one is refused', async () => {
    const id = await client.begin(size);
    const same = await Promise.all([1, 2, 1, 2].map((number) => client.chunk(id, number, chunkOf(bytes, number))));
    for (const answer of same) expect(answer).toMatchObject({ status: 200, body: { status: 'received' } });
    expect(await client.status(id)).toMatchObject({ chunks_received: 2, missing_chunks: [3] });
    const tails = await Promise.all([someBytes(100), someBytes(100)].map((tail) => client.chunk(id, 3, tail)));
    expect(tails.map(({ status }) => status).sort()).toEqual([200, 409]);
    expect(await client.complete(id)).toMatchObject({ status: 200 });
  });

  test.each([0, 1, recordingChunkBytes - 1, recordingChunkBytes, recordingChunkBytes + 1])(
    'C3–C5: a recording of %i bytes',
    async (length) => {
      const file = someBytes(length);
      const id = await client.begin(length, { file_checksum: md5(file) });
      expect((await client.upload(id, file)).body).toMatchObject({
        final_file_url: `/v1/assets/${sha256(file)}/content`,
        checksum_validated: true,
        file_info: { total_chunks: Math.ceil(length / recordingChunkBytes), file_size_bytes: length },
      });
    },
  );
});
