/** B1, B4: bodies that are not what they say, fields that are not what they should be. */
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import {
  type BodyKind,
  bodyKinds,
  expectDetail,
  FormClient,
  formChunkBytes,
  multipart,
} from './chunked-form-client.ts';
import { RunningNode } from './running-node.ts';

let node: RunningNode;
let client: FormClient;
beforeAll(async () => {
  node = await RunningNode.start();
  client = new FormClient(node);
});
afterAll(async () => {
  expect((await client.get('sessions')).body, 'nothing that was refused began a session').toMatchObject({
    active_sessions: 0,
  });
  await node.close();
});

const types: Readonly<Record<BodyKind, string>> = {
  urlencoded: 'application/x-www-form-urlencoded',
  multipart: 'multipart/form-data; boundary=xyz',
  json: 'application/json',
};
const fields = { filename: 'talk.mp4', file_size: '10', total_chunks: '1' };
const bodies: Readonly<Record<BodyKind, Buffer>> = {
  urlencoded: Buffer.from(new URLSearchParams(fields).toString()),
  multipart: multipart(
    'xyz',
    Object.entries(fields).map(([name, value]) => [`name="${name}"`, value]),
  ),
  json: Buffer.from(JSON.stringify(fields)),
};

async function raw(command: string, type: string | null, body: Buffer | string) {
  // A Blob without a type gets no Content-Type.
  return await client.send(command, {
    body: new Blob([Uint8Array.from(Buffer.from(body))]),
    headers: type === null ? {} : { 'content-type': type },
  });
}

describe('a body that does not match its Content-Type', () => {
  const pairs = bodyKinds.flatMap((declared) =>
    bodyKinds.filter((sent) => sent !== declared).map((sent) => [sent, declared] as const),
  );
  it.each(pairs)('B1: %s under %s is refused at once, naming both', async (sent, declared) => {
    const name = (kind: BodyKind) => (types[kind].split(';')[0] ?? '').replaceAll('.', '\\.');
    for (const command of ['init', 'complete', 'cancel', 'pause', 'resume', 'status'])
      expectDetail(
        await raw(command, types[declared], bodies[sent]),
        400,
        new RegExp(`mismatch: the request declares ${name(declared)}, but its body is ${name(sent)}`),
        'invalid-request',
      );
  });

  it.each([
    ['no Content-Type', null, /declare .*; it has no Content-Type; its body looks like application\/json/],
    ['text/plain', 'text/plain', /it has text\/plain; its body looks like application\/json/],
    ['nonsense', 'nonsense', /it has nonsense/],
    ['an empty type', '', /no Content-Type/],
    ['application/jsonx', 'application/jsonx', /it has application\/jsonx/],
    ['another charset', 'application/json; charset=iso-8859-1', /UTF-8; the Content-Type declares iso-8859-1/],
    ['multipart without a boundary', 'multipart/form-data', /without a usable boundary/],
    [
      'multipart with an endless boundary',
      `multipart/form-data; boundary=${'x'.repeat(71)}`,
      /without a usable boundary/,
    ],
  ])('B1: JSON with %s', async (_name, type, detail) => {
    expectDetail(await raw('init', type, bodies.json), 400, detail, 'invalid-request');
  });

  it.each([
    ['empty, urlencoded', types.urlencoded, '', /empty/],
    ['empty, JSON', types.json, '', /empty/],
    ['empty, multipart', types.multipart, '', /empty/],
    ['cut-off JSON', types.json, '{"filename":"a","file_si', /not well-formed JSON/],
    ['a JSON list', types.json, '[1]', /has to be an object/],
    ['JSON null', types.json, 'null', /mismatch.*something else/],
    ['a JSON word', types.json, '"filename"', /has to be an object/],
    ['words under urlencoded', types.urlencoded, 'hello', /mismatch.*something else/],
    ['bytes under urlencoded', types.urlencoded, Buffer.from([0x66, 0x3d, 0xff, 0xfe]), /not text in UTF-8/],
    ['escapes that are not UTF-8', types.urlencoded, 'filename=%ff&file_size=10&total_chunks=1', /percent-escapes/],
    ['a stray percent sign', types.urlencoded, 'filename=100%&file_size=10&total_chunks=1', /percent-escapes/],
    ['another boundary', 'multipart/form-data; boundary=other', bodies.multipart, /boundary other/],
    ['multipart cut off', types.multipart, bodies.multipart.subarray(0, -20), /not well-formed multipart/],
    ['multipart with a part without a name', types.multipart, multipart('xyz', [['x="y"', 'z']]), /no name/],
  ])('B1: %s', async (_name, type, body, detail) => {
    expectDetail(await raw('init', type, body), 400, detail, 'invalid-request');
  });

  it.each([
    'Application/JSON',
    'application/json;charset=UTF-8',
    'application/json; charset="utf-8"',
    ' application/json ',
  ])('B1: %j is JSON', async (type) => {
    const answer = await raw('init', type, bodies.json);
    expect(answer).toMatchObject({ status: 200 });
    await client.post('cancel', { upload_id: answer.body['upload_id'] });
  });

  test('B2: a chunk is multipart only', async () => {
    for (const type of [types.json, types.urlencoded, 'application/octet-stream', null])
      expectDetail(
        await raw('chunk', type, bodies.json),
        400,
        /A chunk is sent as multipart\/form-data/,
        'invalid-request',
      );
    expectDetail(
      await raw('chunk', types.multipart, bodies.json),
      400,
      /does not begin with it: it begins with "\{/,
      'invalid-request',
    );
    expectDetail(await raw('chunk', types.multipart, ''), 400, /empty/, 'invalid-request');
    expectDetail(await raw('chunk', types.multipart, '--xyz'), 400, /not well-formed multipart/, 'invalid-request');
  });
});

describe('fields', () => {
  const wrong: readonly [string, Record<string, string | number>, RegExp, string][] = [
    ['filename missing', { file_size: 10, total_chunks: 1 }, /filename is missing/, 'invalid-request'],
    ['filename empty', { ...fields, filename: '' }, /filename is missing/, 'invalid-request'],
    ['filename too long', { ...fields, filename: 'x'.repeat(1025) }, /1 to 1024 characters/, 'invalid-request'],
    ['file_size missing', { filename: 'a', total_chunks: 1 }, /file_size is missing/, 'invalid-request'],
    ['file_size negative', { ...fields, file_size: -1 }, /file_size has to be a whole number/, 'invalid-size'],
    ['file_size fractional', { ...fields, file_size: 1.5 }, /file_size has to be/, 'invalid-size'],
    ['file_size in words', { ...fields, file_size: 'ten' }, /file_size has to be .*"ten"/, 'invalid-size'],
    ['file_size with an exponent', { ...fields, file_size: '1e1' }, /file_size has to be/, 'invalid-size'],
    [
      'file_size beyond exact integers',
      { ...fields, file_size: '9007199254740993' },
      /file_size has to be/,
      'invalid-size',
    ],
    ['total_chunks missing', { filename: 'a', file_size: 10 }, /total_chunks is missing/, 'invalid-request'],
    ['total_chunks negative', { ...fields, total_chunks: -1 }, /total_chunks has to be/, 'invalid-request'],
    [
      'total_chunks too few',
      { ...fields, total_chunks: 0 },
      /total_chunks has to be 1: chunk_size is 5242880 bytes and file_size 10; got 0/,
      'invalid-request',
    ],
    [
      'total_chunks of another size',
      { ...fields, file_size: 3 * formChunkBytes, total_chunks: 15 },
      /has to be 3: chunk_size is 5242880/,
      'invalid-request',
    ],
    ['content_type not a type', { ...fields, content_type: 'video' }, /media type/, 'invalid-request'],
  ];
  describe.each(bodyKinds)('in %s', (kind) => {
    it.each(wrong)('B1: %s', async (_name, sent, detail, code) => {
      expectDetail(await client.post('init', sent, kind), 400, detail, code);
    });

    test('B1: a file that is too large', async () => {
      const answer = await client.post('init', { ...fields, file_size: 2 ** 50, total_chunks: 1 }, kind);
      expectDetail(answer, 413, /at most/, 'file-too-large');
    });

    test('B3: upload_id missing', async () => {
      for (const command of ['complete', 'cancel', 'pause', 'resume', 'status'])
        expectDetail(
          await client.post(command, { other: 'x' }, kind),
          400,
          'The field upload_id is missing.',
          'invalid-request',
        );
    });

    test('C11: huge fields, too many fields', async () => {
      expectDetail(
        await client.post('init', { ...fields, filename: 'x'.repeat(70_000) }, kind),
        400,
        /more than 65536 bytes/,
        'invalid-request',
      );
      const many = Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`field-${i}`, 'x']));
      expectDetail(
        await client.post('init', { ...fields, ...many }, kind),
        400,
        /more than 32 (fields|parts)/,
        'invalid-request',
      );
    });
  });

  it.each([null, true, {}, [], [5]])('B1: a JSON file_size of %j', async (value) => {
    const detail = value === null ? /missing/ : /file_size has to be/;
    expectDetail(await raw('init', types.json, JSON.stringify({ ...fields, file_size: value })), 400, detail);
    const name = value === null ? /missing/ : /filename has to be text/;
    expectDetail(await raw('init', types.json, JSON.stringify({ ...fields, filename: value })), 400, name);
  });

  test('B1: a field that comes twice', async () => {
    expectDetail(
      await raw('init', types.urlencoded, 'filename=a&filename=b&file_size=10&total_chunks=1'),
      400,
      /filename is given more than once/,
    );
    expectDetail(
      await raw(
        'init',
        types.multipart,
        multipart('xyz', [
          ['name="filename"', 'a'],
          ['name="filename"', 'b'],
        ]),
      ),
      400,
      /filename is given more than once/,
    );
    expectDetail(await client.get('status?upload_id=a&upload_id=b'), 400, /upload_id has to be text/);
    expectDetail(await client.get('status'), 400, /upload_id is missing/);
  });

  test('B1: __proto__ is a name like any other', async () => {
    const answer = await raw('complete', types.json, '{"__proto__":{"upload_id":"x"}}');
    expectDetail(answer, 400, /upload_id is missing/);
  });

  test.each(bodyKinds)('B1: names in %s keep their letters', async (kind) => {
    const filename = 'Clase & más + 100% — 日本語.mp4';
    const { body } = await client.post('init', { ...fields, filename }, kind);
    expect(await client.status(body['upload_id'])).toMatchObject({ filename });
    await client.post('cancel', { upload_id: body['upload_id'] });
  });
});
