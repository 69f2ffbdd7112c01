/** C2, C4, C5: checksums of chunks and of files, by both algorithms. */
import { afterAll, beforeAll, expect, it, test } from 'vitest';
import { expectDetail } from './chunked-form-client.ts';
import { chunkOf, md5, RecordingsClient, recordingChunkBytes } from './recordings-client.ts';
import { RunningNode, sha256, someBytes } from './running-node.ts';

const size = 2 * recordingChunkBytes + 100;
const bytes = someBytes(size);

let node: RunningNode;
let client: RecordingsClient;
beforeAll(async () => {
  node = await RunningNode.start();
  client = new RecordingsClient(node);
});
afterAll(async () => {
  await node.close();
});

test('C4: of a chunk, by either algorithm and name, in any case; a wrong one keeps nothing', async () => {
  const id = await client.begin(size);
  for (const [name, digest] of [
    ['chunk_checksum', md5],
    ['checksum', md5],
    ['chunk_checksum', sha256],
    ['checksum', sha256],
  ] as const) {
    const wrong = { [name]: digest(chunkOf(bytes, 2)) };
    expectDetail(await client.chunk(id, 1, chunkOf(bytes, 1), wrong), 422, /Chunk 1 arrived with/, 'digest-mismatch');
    expect(await client.status(id)).toMatchObject({ chunks_received: 0, bytes_uploaded: 0 });
  }
  const algorithms = { md5, 'sha-256': sha256 };
  for (const [algorithm, digest] of Object.entries(algorithms))
    for (const [name, value] of [
      ['chunk_checksum', digest(chunkOf(bytes, 1)).toUpperCase()],
      ['checksum', digest(chunkOf(bytes, 1))],
    ] as const)
      expect(await client.chunk(id, 1, chunkOf(bytes, 1), { [name]: value })).toMatchObject({
        status: 200,
        body: { chunk_checksum: digest(chunkOf(bytes, 1)), checksum_algorithm: algorithm, chunks_received: 1 },
      });
  const stored = (await client.get(id)).body['chunks_metadata'];
  expect(stored, 'the record has the SHA-256 whichever came').toMatchObject([
    { chunk_number: 1, chunk_checksum: sha256(chunkOf(bytes, 1)) },
  ]);
});

it.each(['chunk_checksum', 'checksum'])('C4: %s behind the file is checked before the receipt', async (name) => {
  const id = await client.begin(size);
  const form = (...behind: (readonly [string, string])[]) =>
    client.chunkForm(id, [['upload_session_id', id], ['chunk_number', '1'], ['file', chunkOf(bytes, 1)], ...behind]);
  const own = sha256(chunkOf(bytes, 1));
  expectDetail(await form([name, sha256(bytes)]), 422, /Chunk 1 arrived with/, 'digest-mismatch');
  expectDetail(await form([name, md5(chunkOf(bytes, 1))]), 400, /before the file/, 'invalid-request');
  expectDetail(await form([name, 'nonsense']), 400, /MD5.*SHA-256/, 'invalid-digest');
  expectDetail(await form(['total_chunks', '3']), 400, /total_chunks .*before the file/, 'invalid-request');
  expectDetail(await form(['chunk_number', '1']), 400, /more than once/, 'invalid-request');
  expect(await client.status(id)).toMatchObject({ chunks_received: 0, bytes_uploaded: 0 });
  expect(await form([name, own])).toMatchObject({ status: 200, body: { chunk_checksum: own } });
  expect(await form([name, own]), 'and again').toMatchObject({ status: 200, body: { chunk_checksum: own } });
  expectDetail(await form([name, sha256(bytes)]), 422, /Chunk 1 arrived with/, 'digest-mismatch');
});

it.each([
  ['MD5', md5],
  ['SHA-256', sha256],
])('C5: an %s of the file that is right', async (name, digest) => {
  for (const file of [someBytes(size), someBytes(1000)]) {
    const expected = digest(file);
    const id = await client.begin(file.length, { file_checksum: expected.toUpperCase() });
    expect((await client.upload(id, file)).body).toMatchObject({
      checksum_validated: true,
      file_checksum_expected: expected,
      file_checksum_actual: expected,
    });
    expect((await client.get(id)).body).toMatchObject({
      file_checksum_actual: expected,
      checksum_algorithm: name.toLowerCase(),
    });
  }
});

it.each([
  ['MD5', md5],
  ['SHA-256', sha256],
])('C5, C7: an %s of the file that is wrong: error, both checksums, start again', async (name, digest) => {
  for (const file of [someBytes(size), someBytes(1000)]) {
    const wrong = digest(someBytes(1));
    const id = await client.begin(file.length, { file_checksum: wrong });
    for (let number = 1; number * recordingChunkBytes < file.length + recordingChunkBytes; number += 1)
      await client.chunk(id, number, chunkOf(file, number));
    for (const validate_checksum of [true, false])
      expectDetail(
        await client.complete(id, { validate_checksum }),
        422,
        new RegExp(`${name} ${digest(file)}, not ${wrong}.*upload it again`),
        'digest-mismatch',
      );
    expect(await client.status(id)).toMatchObject({
      estado: 'error',
      has_error: true,
      error_message: expect.stringContaining(wrong),
      final_file_url: null,
    });
    expect((await client.get(id)).body).toMatchObject({
      file_checksum_expected: wrong,
      file_checksum_actual: digest(file),
      storage_location: null,
    });
    expect(await client.recovery(id)).toMatchObject({
      recovery_possible: false,
      chunks_missing: [],
      recommendations: [{ type: 'start_again', message: expect.stringContaining('Create a new recording') }],
    });
    expectDetail(await client.chunk(id, 1, chunkOf(file, 1)), 410, /failed/, 'upload-closed');
    expect(await node.incoming()).not.toContain(id);
  }
});

test('C5: without one, the answer says that nothing was compared', async () => {
  const id = await client.begin(10);
  const file = someBytes(10);
  expect((await client.upload(id, file)).body).toMatchObject({
    checksum_validated: false,
    file_checksum_expected: null,
    file_checksum_actual: sha256(file),
  });
  expect((await client.complete(id, { validate_checksum: false })).body).toMatchObject({ checksum_validated: false });
});
