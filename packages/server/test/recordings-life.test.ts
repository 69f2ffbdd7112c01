/** C1, C5–C7, C9: states, owners, restarts, expiry, lists, and what stays of a recording. */
import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { CrashPointName } from '../src/core/ports/crash-points.ts';
import { estados } from '../src/dialects/recordings/estado.ts';
import { type Body, expectDetail } from './chunked-form-client.ts';
import { chunkOf, lecture, md5, RecordingsClient, recordingChunkBytes } from './recordings-client.ts';
import { RunningNode, sha256, someBytes } from './running-node.ts';

const size = 2 * recordingChunkBytes + 100;
const bytes = someBytes(size);

test('E1: a recording goes on in another process, chunk by chunk and to its end', async () => {
  let node = await RunningNode.start();
  const id = await new RecordingsClient(node).begin(size, { file_checksum: md5(bytes) });
  const again = async () => {
    await node.stop();
    node = await RunningNode.start({ dataDir: node.dataDir });
    return new RecordingsClient(node);
  };
  for (const number of [2, 1]) {
    const client = await again();
    expect(await client.chunk(id, number, chunkOf(bytes, number))).toMatchObject({ status: 200 });
    expect((await client.recovery(id))['chunks_missing']).toEqual(number === 2 ? [1, 3] : [3]);
  }
  expect((await (await again()).upload(id, bytes)).body).toMatchObject({ checksum_validated: true });
  const client = await again();
  expect((await client.complete(id)).body).toMatchObject({ file_checksum_actual: md5(bytes) });
  expect((await client.get(id)).body).toMatchObject({ estado: 'completado', ...lecture });
  await node.close();
});

describe('states', () => {
  const seen = new Set<string>();
  const expectEstado = async (
    client: RecordingsClient,
    id: string,
    estado: string,
    advice: string,
    more: Body = {},
  ) => {
    const possible = !['already_completed', 'start_again'].includes(advice);
    await expect.poll(async () => (await client.status(id))['estado'], { timeout: 8_000 }).toBe(estado);
    expect(await client.status(id)).toMatchObject({
      is_completed: estado === 'completado',
      is_expired: estado === 'expirado',
      has_error: estado === 'error',
      ...more,
    });
    expect(await client.recovery(id)).toMatchObject({ estado, recovery_possible: possible });
    expect((await client.recovery(id))['recommendations'][0]).toMatchObject({ type: advice });
    expect((await client.get(id)).body).toMatchObject({ estado });
    seen.add(estado);
  };

  test('C1, C6, C7: iniciado, subiendo, pausado, completado, cancelado, error', async () => {
    await using node = await RunningNode.start();
    const client = new RecordingsClient(node);
    const id = await client.begin(size);
    await expectEstado(client, id, 'iniciado', 'upload_missing_chunks', { missing_chunks: [1, 2, 3] });
    await client.command(id, 'pause');
    await expectEstado(client, id, 'pausado', 'resume_upload');
    expectDetail(await client.chunk(id, 1, chunkOf(bytes, 1)), 409, /paused/, 'upload-paused');
    expectDetail(await client.complete(id), 409, /paused/, 'upload-paused');
    expect(await client.command(id, 'resume')).toMatchObject({ status: 200, body: { estado: 'iniciado' } });
    for (const number of [1, 2]) await client.chunk(id, number, chunkOf(bytes, number));
    await expectEstado(client, id, 'subiendo', 'upload_missing_chunks', { missing_chunks: [3], chunks_received: 2 });
    expect((await client.recovery(id))['recommendations']).toMatchObject([
      { type: 'upload_missing_chunks', missing_chunks: [3] },
      { type: 'nearly_complete', missing_chunks: [3] },
    ]);
    await client.upload(id, bytes);
    await expectEstado(client, id, 'completado', 'already_completed', { missing_chunks: [], eta_seconds: null });
    for (const command of ['pause', 'resume', 'cancel'] as const)
      expectDetail(await client.command(id, command), 410, /completed/, 'upload-closed');

    const cancelled = await client.begin(size);
    await client.chunk(cancelled, 1, chunkOf(bytes, 1));
    for (let i = 0; i < 2; i += 1)
      expect(await client.command(cancelled, 'cancel')).toMatchObject({ status: 200, body: { estado: 'cancelado' } });
    await expectEstado(client, cancelled, 'cancelado', 'start_again');
    expect(await node.incoming()).not.toContain(cancelled);
    for (const number of [1, 2])
      expectDetail(await client.chunk(cancelled, number, chunkOf(bytes, number)), 410, /cancelled/, 'upload-closed');
    expectDetail(await client.complete(cancelled), 410, /cancelled/, 'upload-closed');

    const wrong = await client.begin(10, { file_checksum: md5(bytes) });
    await client.chunk(wrong, 1, someBytes(10));
    await expectEstado(client, wrong, 'error', 'start_again', { error_message: expect.stringContaining('MD5') });
  });

  const stops: readonly (readonly [CrashPointName, string])[] = [
    ['completion:before-digest', 'validando'],
    ['completion:after-verified', 'ensamblando'],
  ];
  test.each(stops)('C6: finishing, stopped at %s: %s', async (point, estado) => {
    const crash = (name: CrashPointName) => {
      if (name === point) throw new Error('stops here (test)');
    };
    await using node = await RunningNode.start({ crash });
    const client = new RecordingsClient(node);
    const id = await client.begin(size);
    for (const number of [3, 1, 2]) await client.chunk(id, number, chunkOf(bytes, number));
    await expectEstado(client, id, estado, 'wait', { missing_chunks: [], chunks_received: 3, final_file_url: null });
    expect(await client.chunk(id, 2, chunkOf(bytes, 2)), 'a receipt that was lost is given again').toMatchObject({
      status: 200,
      body: { is_complete: true, upload_ready_for_assembly: true },
    });
  });

  test('C6, C9: expirado; and a recording stays when its upload is purged', async () => {
    const second = 1 / 3600;
    const times = {
      sessionTimeoutHours: 1.5 * second,
      cleanupIntervalMinutes: 0.1 / 60,
      retentionDays: (2 * second) / 24,
    };
    await using node = await RunningNode.start({ config: times });
    const client = new RecordingsClient(node);
    const done = await client.begin(size, { file_checksum: md5(bytes) });
    const finished = await client.upload(done, bytes);
    const record = (await client.get(done)).body;
    const quiet = await client.begin(size, { asignatura: 'Anatomía' });
    await client.chunk(quiet, 2, chunkOf(bytes, 2));
    await expectEstado(client, quiet, 'expirado', 'start_again', { chunks_received: 1 });
    expectDetail(await client.chunk(quiet, 2, chunkOf(bytes, 2)), 410, /expired/, 'upload-closed');

    const purged = async () =>
      await Promise.all([done, quiet].map(async (id) => (await node.json('GET', `/v1/uploads/${id}`)).status));
    await expect.poll(purged, { timeout: 10_000 }).toEqual([404, 404]);
    expect((await client.get(done)).body).toEqual({ ...record, chunks_metadata: [] });
    expect((await client.complete(done)).body).toEqual(finished.body);
    await expectEstado(client, done, 'completado', 'already_completed');
    await expectEstado(client, quiet, 'expirado', 'start_again', { chunks_received: 1 });
    expect((await client.send(`/${done}/chunks`)).body).toEqual({ chunks: [] });
    expectDetail(await client.chunk(done, 1, chunkOf(bytes, 1)), 404, 'Upload session not found');
    const content = await node.fetch(record['final_file_url']);
    expect(sha256(Buffer.from(await content.arrayBuffer()))).toBe(sha256(bytes));
    expect((await client.send('/')).body).toMatchObject({
      recordings: [{ recording_id: quiet }, { recording_id: done, final_file_url: record['final_file_url'] }],
      total: 2,
    });
  });

  test('each of them was seen', () => {
    expect([...seen].sort()).toEqual([...estados].sort());
  });
});

test('C1: the list: newest first, by pages, by subject', async () => {
  await using node = await RunningNode.start();
  const client = new RecordingsClient(node);
  const ids: string[] = [];
  for (const asignatura of ['Cardiología', 'Anatomía', 'CARDIOLOGÍA'])
    ids.unshift(await client.begin(10, { asignatura }));
  await node.create({ size: 10 });
  const list = async (query: string) => {
    const { body } = await client.send(query);
    return { ...body, recordings: body['recordings'].map((one: Body) => one['recording_id']) };
  };
  expect(await list('')).toEqual({ recordings: ids, total: 3, skip: 0, limit: 20, has_more: false });
  expect(await list('/?limit=2')).toMatchObject({ recordings: ids.slice(0, 2), total: 3, has_more: true });
  expect(await list('/?limit=2&skip=2')).toMatchObject({ recordings: ids.slice(2), has_more: false });
  expect(await list('/?skip=9')).toMatchObject({ recordings: [], total: 3, has_more: false });
  const cardiology = { recordings: [ids[0], ids[2]], total: 2 };
  expect(await list(`/?asignatura=${encodeURIComponent('cardiología')}`)).toMatchObject(cardiology);
  expect(await list('/?asignatura=cardio')).toMatchObject({ recordings: [], total: 0 });
});

test('the recordings of others do not exist; without a key nothing does', async () => {
  const keys = { ana: 'ana-has-a-key-of-her-own', ben: 'ben-has-a-key-of-his-own' };
  const digest = (key: string) => createHash('sha256').update(key).digest('hex');
  const apiKeys = Object.entries(keys).map(([principal, key]) => ({ principal, sha256: digest(key) }));
  await using node = await RunningNode.start({ config: { apiKeys }, apiKey: keys.ana });
  const as = (key: string) =>
    new RecordingsClient({
      fetch: (path: string, init: RequestInit = {}) =>
        node.fetch(path, { ...init, headers: { ...init.headers, authorization: `Bearer ${key}` } }),
    });
  const ana = new RecordingsClient(node);
  const id = await ana.begin(size);
  await ana.chunk(id, 1, chunkOf(bytes, 1));
  for (const [client, status, detail] of [
    [as(keys.ben), 404, 'Upload session not found'],
    [as('a-key-that-nobody-has'), 401, /API key/],
  ] as const) {
    for (const path of ['', '/chunks', '/upload-status'])
      expectDetail(await client.send(`/${id}${path}`), status, detail);
    for (const command of ['recovery', 'pause', 'resume', 'cancel'])
      expectDetail(await client.post(`/${id}/${command}`, {}), status, detail);
    expectDetail(await client.complete(id), status, detail);
    for (const number of [1, 2]) expectDetail(await client.chunk(id, number, chunkOf(bytes, number)), status, detail);
  }
  expect((await as(keys.ben).send('/')).body).toMatchObject({ recordings: [], total: 0 });
  expect(await ana.status(id)).toMatchObject({ estado: 'subiendo', chunks_received: 1 });
});

test('C5: processing starts by itself, and the answer names its run', async () => {
  await using node = await RunningNode.start({ config: { pipeline: true } });
  const client = new RecordingsClient(node);
  const file = someBytes(1000);
  const id = await client.begin(file.length);
  const done = await client.upload(id, file);
  const run = await node.json<{ assetId: string }>('GET', `/v1/runs/${done.body['processing_run_id']}`);
  expect(run).toMatchObject({ status: 200, body: { assetId: sha256(file) } });
  expect((await client.get(id)).body).toMatchObject({ processing_run_id: done.body['processing_run_id'] });
  const asset = await node.json<{ sources: object[] }>('GET', `/v1/assets/${sha256(file)}`);
  expect(asset.body.sources).toMatchObject([{ uploadId: id, metadata: lecture }]);
});
