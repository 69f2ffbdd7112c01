/** C11: a file of the wrong type is refused by its first bytes, not after all of it has arrived. */
import type { IssuedUploadToken, Upload } from '@holdfast/protocol';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { FormClient, formChunkBytes } from './chunked-form-client.ts';
import { RawConnection } from './raw-connection.ts';
import { chunkBytes, expectProblem, RunningNode, sha256, someBytes } from './running-node.ts';

/** The beginning of a WAV file, with anything behind it. */
function wav(bytes: number): Buffer {
  const file = someBytes(bytes);
  file.write('RIFF', 0, 'latin1');
  file.writeUInt32LE(bytes - 8, 4);
  file.write('WAVEfmt ', 8, 'latin1');
  return file;
}

const png = Buffer.concat([
  Buffer.from('89504e470d0a1a0a0000000d494844520000000100000001080600000000000000', 'hex'),
  Buffer.alloc(chunkBytes),
]);
const html = Buffer.from(`<!doctype html><script>alert(1)</script>${' '.repeat(chunkBytes)}`);

let node: RunningNode;
beforeAll(async () => {
  node = await RunningNode.start({ config: { allowedTypes: ['audio/*'] } });
});
afterAll(async () => {
  await node.close();
});

describe('C11: the first bytes', () => {
  it.each([
    ['a picture that says it is sound', png, 'audio/wav'],
    ['a picture that says nothing', png, undefined],
    ['a page that says it is sound', html, 'audio/mpeg'],
    ['bytes of no type that say nothing', someBytes(2 * chunkBytes), undefined],
    ['a file of few bytes', html.subarray(0, 20), 'audio/wav'],
  ])('%s: refused, and the upload has failed for good', async (_name, bytes, contentType) => {
    const { id } = await node.create({ size: bytes.length, ...(contentType === undefined ? {} : { contentType }) });
    const problem = expectProblem(await node.put(id, 0, bytes.subarray(0, chunkBytes)), 415, 'unsupported-type');
    expect(problem.details).toEqual({ allowedTypes: [['audio/*']] });
    expect(await node.status(id)).toMatchObject({ state: 'failed', failure: { code: 'unsupported-type' } });
    expectProblem(await node.put(id, 0, bytes.subarray(0, chunkBytes)), 410, 'upload-closed');
    expectProblem(await node.json('POST', `/v1/uploads/${id}/complete`), 415, 'unsupported-type');
    expect((await node.events(id)).at(-1)).toMatchObject({ type: 'failed', data: { code: 'unsupported-type' } });
    expect(await node.incoming()).toEqual([]);
  });

  test('are judged also when they come one by one', async () => {
    const headers = { 'tus-resumable': '1.0.0' };
    const type = `filetype ${Buffer.from('audio/wav').toString('base64')}`;
    for (const [bytes, statuses, state] of [
      [png, [204, 204, 415], 'failed'],
      [wav(chunkBytes), [204, 204, 204], 'completed'],
    ] as const) {
      const wish = { 'upload-length': String(bytes.length), 'upload-metadata': type };
      const created = await node.fetch('/files', { method: 'POST', headers: { ...headers, ...wish } });
      const path = new URL(created.headers.get('location') ?? '', node.url).pathname;
      const cuts = bytes === png ? [0, 1, 2, bytes.length] : [0, 5, 9, bytes.length];
      const answers: number[] = [];
      for (const [i, offset] of cuts.slice(0, -1).entries()) {
        const body = Buffer.from(bytes.subarray(offset, cuts[i + 1]));
        const how = { 'upload-offset': String(offset), 'content-type': 'application/offset+octet-stream' };
        answers.push((await node.fetch(path, { method: 'PATCH', headers: { ...headers, ...how }, body })).status);
      }
      expect(answers).toEqual(statuses);
      const id = path.slice(path.lastIndexOf('/') + 1);
      await expect.poll(async () => (await node.status(id)).state).toBe(state);
    }
  });

  test('are enough: the answer does not wait for the rest', async () => {
    const size = 8 * 1024 * 1024;
    const { id } = await node.create({ size, chunkSize: size });
    const connection = await RawConnection.open(node.port);
    connection.head(`PUT /v1/uploads/${id}/chunks/0`, [`Content-Length: ${size}`]);
    connection.send(png);
    connection.send(Buffer.alloc(1024 * 1024));
    expectProblem(await connection.answer(5_000), 415, 'unsupported-type');
    connection.destroy();
  });

  test('of sound pass, in any order of chunks, and chunks further on are not looked at', async () => {
    const bytes = Buffer.concat([wav(chunkBytes), png.subarray(0, chunkBytes)]);
    const { id } = await node.create({ size: bytes.length, contentType: 'audio/x-wav' });
    for (const i of [1, 0])
      expect((await node.put(id, i, bytes.subarray(i * chunkBytes, (i + 1) * chunkBytes))).status).toBe(200);
    const done = await node.json<Upload>('POST', `/v1/uploads/${id}/complete`);
    expect(done).toMatchObject({ status: 200, body: { state: 'completed' } });
  });

  test('while other chunks are under way: they are refused as those of an ended upload', async () => {
    const bytes = Buffer.concat([png.subarray(0, chunkBytes), someBytes(3 * chunkBytes)]);
    const { id } = await node.create({ size: bytes.length });
    const answers = await Promise.all(
      [3, 2, 0, 1].map((i) => node.put(id, i, bytes.subarray(i * chunkBytes, (i + 1) * chunkBytes))),
    );
    expect(answers[2]?.status).toBe(415);
    for (const answer of answers) expect([200, 410, 415]).toContain(answer.status);
    expect(await node.status(id)).toMatchObject({ state: 'failed' });
    expect(await node.incoming()).toEqual([]);
  });

  test('the chunked-form dialect says it in its own words', async () => {
    const form = new FormClient(node);
    const id = await form.begin(formChunkBytes + 1, 'voice.wav');
    const chunk = Buffer.concat([png, Buffer.alloc(formChunkBytes - png.length)]);
    expect(await form.chunk(id, 0, chunk)).toMatchObject({
      status: 415,
      body: { code: 'unsupported-type', detail: /image\/png/ },
    });
    expect(await form.get(`status?upload_id=${id}`)).toMatchObject({ body: { status: 'failed' } });
    const init = { filename: 'a', file_size: 1, total_chunks: 1, content_type: 'text/html' };
    expect(await form.post('init', init)).toMatchObject({ status: 415, body: { code: 'unsupported-type' } });
  });
});

test('C11: what is declared is refused at creation', async () => {
  for (const contentType of ['video/mp4', 'text/html', 'image/svg+xml'])
    expectProblem(
      await node.json('POST', '/v1/uploads', { filename: 'a', size: 1, contentType }),
      415,
      'unsupported-type',
    );
});

test('C11: a token narrows what the server takes and widens nothing', async () => {
  const issue = async (allowedTypes: string[]) =>
    node.as((await node.json<IssuedUploadToken>('POST', '/v1/upload-tokens', { allowedTypes })).body.token);
  const onlyFlac = await issue(['audio/flac']);
  const { id } = await onlyFlac.create({ size: chunkBytes });
  expectProblem(await onlyFlac.put(id, 0, wav(chunkBytes)), 415, 'unsupported-type');
  const pictures = await issue(['image/*']);
  const wish = { filename: 'a', size: 1, contentType: 'image/png' };
  expectProblem(await pictures.json('POST', '/v1/uploads', wish), 415, 'unsupported-type');
  const all = await issue(['*/*']);
  const picture = await all.create({ size: png.length });
  expectProblem(await all.put(picture.id, 0, png.subarray(0, chunkBytes)), 415, 'unsupported-type');
});

test('C11: without a restriction nothing is refused', async () => {
  await using open = await RunningNode.start();
  expect((await open.upload(html, { contentType: 'audio/wav' })).state).toBe('completed');
});

describe('the type of an asset is that of its bytes, whatever was said', () => {
  const said = { 'content-type': 'video/mp4' };
  const ways: Record<string, (to: RunningNode, bytes: Buffer) => Promise<unknown>> = {
    'in one request': async (to, body) => {
      const answer = await to.fetch('/v1/uploads/whole?filename=a', { method: 'POST', headers: said, body });
      const { id } = (await answer.json()) as Upload;
      await to.json('POST', `/v1/uploads/${id}/complete?wait=10`);
    },
    'in one request, a few bytes at a time': async (to, bytes) => {
      const connection = await RawConnection.open(to.port);
      const headers = [`Content-Length: ${bytes.length}`, 'Content-Type: video/mp4'];
      connection.head('POST /v1/uploads/whole?filename=a', headers);
      for (const [from, end] of [
        [0, 6],
        [6, 2_000],
        [2_000, bytes.length],
      ] as const) {
        connection.send(bytes.subarray(from, end));
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      const { body } = await connection.answer();
      connection.destroy();
      await to.json('POST', `/v1/uploads/${String(body['id'])}/complete?wait=10`);
    },
    'as one chunk': (to, bytes) => to.upload(bytes, { contentType: 'video/mp4' }),
    'as several chunks': (to, bytes) => to.upload(bytes, { contentType: 'video/mp4', chunkSize: 16 * 1024 }),
  };

  it.each(Object.keys(ways))('%s', async (way) => {
    const bytes = wav(40_000);
    await using open = await RunningNode.start();
    await ways[way]?.(open, bytes);
    const { body } = await open.json<{ contentType: string }>('GET', `/v1/assets/${sha256(bytes)}`);
    expect(body.contentType).toBe('audio/wav');
  });
});
