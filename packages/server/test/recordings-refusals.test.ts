/** C11: everything that a client of the recordings API can get wrong is refused with a code and words that name it, and keeps nothing. */
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { type Body, expectDetail, multipart } from './chunked-form-client.ts';
import { chunkOf, lecture, md5, RecordingsClient, recordingChunkBytes } from './recordings-client.ts';
import { RunningNode, someBytes } from './running-node.ts';

const size = 2 * recordingChunkBytes + 100;
const bytes = someBytes(size);
const wish = { ...lecture, filename: 'clase.webm', content_type: 'audio/webm', file_size_total: size };

let node: RunningNode;
let client: RecordingsClient;
let id: string;
beforeAll(async () => {
  node = await RunningNode.start({ config: { maxFileSizeGb: 1 } });
  client = new RecordingsClient(node);
  id = await client.begin(size);
});
afterAll(async () => {
  expect(await client.status(id), 'nothing that was refused changed anything').toMatchObject({
    estado: 'iniciado',
    chunks_received: 0,
    bytes_uploaded: 0,
  });
  expect((await client.send('/')).body).toMatchObject({ total: 1 });
  await node.close();
});

describe('creation', () => {
  const without = (name: string) => Object.fromEntries(Object.entries(wish).filter(([key]) => key !== name));

  it.each(['asignatura', 'tema', 'profesor_text', 'filename', 'file_size_total'])('without %s', async (field) => {
    for (const fields of [without(field), { ...wish, [field]: null }]) {
      const body = expectDetail(await client.create(fields), 400, `The field ${field} is missing.`, 'invalid-request');
      expect(body['field']).toBe(field);
    }
  });

  const wrong: readonly (readonly [field: string, value: unknown, status: number, code: string])[] = [
    ['asignatura', 7, 400, 'invalid-request'],
    ['tema', ['x'], 400, 'invalid-request'],
    ['profesor_text', {}, 400, 'invalid-request'],
    ['asignatura', 'x'.repeat(4097), 400, 'invalid-request'],
    ['tema', 'a\0b', 400, 'invalid-request'],
    ['filename', '', 400, 'invalid-request'],
    ['filename', 7, 400, 'invalid-request'],
    ['filename', 'x'.repeat(1025), 400, 'invalid-request'],
    ['content_type', 'audio', 400, 'invalid-request'],
    ['content_type', 'audio/webm\r\nx: y', 400, 'invalid-request'],
    ['file_size_total', -1, 400, 'invalid-size'],
    ['file_size_total', 1.5, 400, 'invalid-size'],
    ['file_size_total', '1e3', 400, 'invalid-size'],
    ['file_size_total', 'many', 400, 'invalid-size'],
    ['file_size_total', 2 ** 60, 400, 'invalid-size'],
    ['file_size_total', 2 ** 31, 413, 'file-too-large'],
    ['file_checksum', 'abc', 400, 'invalid-digest'],
    ['file_checksum', 'z'.repeat(64), 400, 'invalid-digest'],
    ['file_checksum', 'a'.repeat(40), 400, 'invalid-digest'],
    ['file_checksum', 'a'.repeat(33), 400, 'invalid-digest'],
    ['file_checksum', 42, 400, 'invalid-request'],
    ['fecha', 42, 400, 'invalid-request'],
  ];
  it.each(wrong)('%s as %j', async (field, value, status, code) => {
    expectDetail(await client.create({ ...wish, [field]: value }), status, /.{15}/, code);
  });

  test.each([
    ['application/json', '{"asignatura":', /well-formed JSON/],
    ['application/json', '[]', /object/],
    ['application/json', 'asignatura=x', /mismatch/],
    ['application/x-www-form-urlencoded', JSON.stringify(wish), /mismatch.*json/],
    ['text/plain', JSON.stringify(wish), /has to declare/],
    ['application/json', '', /empty/],
    ['application/json; charset=latin1', JSON.stringify(wish), /UTF-8/],
    ['multipart/form-data', 'x', /boundary/],
  ])('as %s with %j', async (type, body, detail) => {
    const init = { method: 'POST', headers: { 'content-type': type }, body };
    expectDetail(await client.send('/', init), 400, detail, 'invalid-request');
  });

  test('empty words are words: a lecture may have no topic', async () => {
    await using other = await RunningNode.start();
    const elsewhere = new RecordingsClient(other);
    const recording = await elsewhere.begin(size, { tema: '', profesor_text: '' });
    expect((await elsewhere.get(recording)).body).toMatchObject({ tema: '', profesor_text: '' });
  });
});

describe('chunks', () => {
  const numbers = ['0', '4', '-1', '1.5', '99999999999999999999', '1e0', '0x1', 'uno', ' 1', '+1'];
  it.each(numbers)('number %j', async (number) => {
    expectDetail(
      await client.chunk(id, number, chunkOf(bytes, 1)),
      400,
      /^Invalid chunk number/,
      'invalid-chunk-index',
    );
  });
  test('a number beyond the file says how many there are', async () => {
    const answer = await client.chunk(id, 4, chunkOf(bytes, 1));
    expectDetail(answer, 400, 'Invalid chunk number: the recording has chunks 1 to 3.');
  });

  it.each(['2', '4', '0', '-3', 'tres', '3.5', ''])('a total of %j', async (total) => {
    const body = expectDetail(
      await client.chunk(id, 1, chunkOf(bytes, 1), { total_chunks: total }),
      400,
      /total_chunks/,
      'invalid-request',
    );
    expect(body['field']).toBe('total_chunks');
  });

  const form = (...parts: (readonly [string, string | Uint8Array])[]) => client.chunkForm(id, parts);
  const session = () => ['upload_session_id', id] as const;
  const number = ['chunk_number', '1'] as const;
  const file = ['file', chunkOf(bytes, 1)] as const;
  const forms: Readonly<Record<string, readonly [() => Promise<{ body: Body }>, RegExp]>> = {
    'without its session': [() => form(number, file), /upload_session_id is missing/],
    'without its number': [() => form(session(), file), /chunk_number is missing/],
    'without its file': [() => form(session(), number), /file part "file" is missing/],
    'with two files': [() => form(session(), number, file, file), /more than one chunk/],
    'with its session twice': [() => form(session(), session(), number, file), /more than once/],
    'with nothing': [() => form(['', '']), /missing|no name/],
    'with two checksums that differ': [
      () => form(session(), number, ['chunk_checksum', md5(bytes)], ['checksum', md5(file[1])], file),
      /differ/,
    ],
  };
  it.each(Object.entries(forms))('%s', async (_name, [send, detail]) => {
    const answer = (await send()) as Awaited<ReturnType<typeof form>>;
    expectDetail(answer, 400, detail);
  });

  it.each(['x', 'a'.repeat(31), 'a'.repeat(40), 'g'.repeat(32), 'a'.repeat(65)])('a checksum %j', async (checksum) => {
    for (const name of ['chunk_checksum', 'checksum']) {
      const answer = await client.chunk(id, 1, chunkOf(bytes, 1), { [name]: checksum });
      expect(expectDetail(answer, 400, /MD5.*SHA-256/, 'invalid-digest')['field']).toBe(name);
    }
  });

  it.each([
    [1, 0],
    [1, 1],
    [1, recordingChunkBytes - 1],
    [3, 99],
  ])('chunk %i with only %i bytes', async (chunk, length) => {
    expectDetail(await client.chunk(id, chunk, someBytes(length)), 400, /./, 'body-too-short');
  });
  it.each([
    [1, recordingChunkBytes + 1],
    [3, 101],
    [3, recordingChunkBytes],
  ])('chunk %i with %i bytes', async (chunk, length) => {
    expectDetail(await client.chunk(id, chunk, someBytes(length)), 413, /./, 'body-too-long');
  });

  test('before its fields, with a wrong length', async () => {
    const answer = await client.chunkForm(id, [['file', someBytes(99)], session(), number]);
    expectDetail(answer, 400, /Chunk 1 has 5242880 bytes; the request declares 99/, 'invalid-size');
  });

  test('as JSON, as a raw body, as a form without a boundary', async () => {
    for (const [type, detail] of [
      ['application/json', /multipart\/form-data with upload_session_id.*declares application\/json/],
      ['application/octet-stream', /declares application\/octet-stream/],
      ['multipart/form-data', /boundary/],
    ] as const) {
      const init = { method: 'POST', headers: { 'content-type': type }, body: Buffer.from(chunkOf(bytes, 1)) };
      expectDetail(await client.send(`/${id}/chunk`, init), 400, detail, 'invalid-request');
    }
  });

  test('cut off in the middle of the form', async () => {
    const whole = multipart('xyz', [
      ['name="upload_session_id"', id],
      ['name="chunk_number"', '1'],
      ['name="file"; filename="blob"', chunkOf(bytes, 1)],
    ]);
    const headers = { 'content-type': 'multipart/form-data; boundary=xyz' };
    for (const end of [whole.length - 3, whole.length - 10, 5_000, 150, 20, 1]) {
      const body = Buffer.from(whole.subarray(0, end));
      expect((await client.send(`/${id}/chunk`, { method: 'POST', headers, body })).status).toBe(400);
    }
  });
});

describe('commands', () => {
  const ids = ['nope', '018f0000-0000-7000-8000-000000000000', '..%2F..%2Fetc', '%00', "'; drop table recordings; --"];
  it.each(ids)('a recording %j is not found', async (name) => {
    const path = `/${encodeURI(name)}`;
    const post = { method: 'POST' };
    for (const [route, init] of [
      ['', {}],
      ['/chunks', {}],
      ['/upload-status', {}],
      ...['recovery', 'pause', 'resume', 'cancel'].map((command) => [`/${command}`, post] as const),
    ] as const)
      expectDetail(await client.send(path + route, init), 404, 'Upload session not found', 'upload-not-found');
    expectDetail(await client.post(`${path}/complete`, { upload_session_id: name }), 404, 'Upload session not found');
    const form = new FormData();
    form.append('upload_session_id', id);
    form.append('chunk_number', '1');
    form.append('file', new Blob([bytes.subarray(0, 10)]));
    const chunk = await client.send(`${path}/chunk`, { method: 'POST', body: form });
    expectDetail(chunk, 404, 'Upload session not found', 'upload-not-found');
  });

  test('an upload that is no recording is not found', async () => {
    const { id: native } = await node.create({ size });
    expectDetail(await client.get(native), 404, 'Upload session not found');
    expectDetail(await client.chunk(native, 1, bytes.subarray(0, 64 * 1024)), 404, 'Upload session not found');
    expectDetail(await client.complete(native), 404, 'Upload session not found');
    expectDetail(await client.command(native, 'cancel'), 404, 'Upload session not found');
    expect(await node.status(native)).toMatchObject({ state: 'receiving', receivedBytes: 0 });
  });

  test('the session of another recording', async () => {
    const other = '018f0000-0000-7000-8000-000000000000';
    const detail = 'Upload session not found';
    expectDetail(await client.chunk(id, 1, chunkOf(bytes, 1), { upload_session_id: other }), 404, detail);
    expectDetail(await client.post(`/${id}/complete`, { upload_session_id: other }), 404, detail);
    expectDetail(await client.send(`/${id}/upload-status?upload_session_id=${other}`), 404, detail);
    for (const command of ['recovery', 'pause', 'resume', 'cancel'])
      expectDetail(await client.post(`/${id}/${command}`, { upload_session_id: other }), 404, detail);
  });

  test('complete without its session, or with a choice that is none', async () => {
    expectDetail(await client.post(`/${id}/complete`, {}), 400, 'The field upload_session_id is missing.');
    for (const validate_checksum of ['perhaps', 2, [true]]) {
      const answer = await client.complete(id, { validate_checksum });
      expect(expectDetail(answer, 400, /validate_checksum has to be true or false/)['field']).toBe('validate_checksum');
    }
  });

  it.each(['limit=0', 'limit=201', 'limit=many', 'skip=-1', 'skip=1000001', 'skip=1&skip=2', 'limit='])(
    'a list with %s',
    async (query) => {
      expectDetail(await client.send(`/?${query}`), 400, /skip|limit/, 'invalid-request');
    },
  );
  it.each(['after=-1', 'limit=0', 'limit=10001', 'after=x'])('chunks with %s', async (query) => {
    expectDetail(await client.send(`/${id}/chunks?${query}`), 400, /after|limit/, 'invalid-request');
  });

  test('addresses that are not there', async () => {
    expectDetail(await client.send(`/${id}/nothing`), 404, /nothing/, 'route-not-found');
    expectDetail(await client.send(`/${id}`, { method: 'PUT', body: 'x' }), 404, /PUT/, 'route-not-found');
  });
});
