/** tus 1.0.0, extensions: each test is named by the sentence of the specification that it holds the server to. */
import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { RunningNode, sha256, someBytes } from './running-node.ts';
import { begun, bytesType, chunk, createUpload, offsetOf, patchUpload, tus } from './tus-client.ts';

let node: RunningNode;
beforeAll(async () => {
  node = await RunningNode.start({ config: { bodyIdleSeconds: 1, maxFileSizeGb: 1 } });
});
afterAll(() => node.close());

async function completed(path: string): Promise<string | null> {
  const state = async () => (await tus(node, 'HEAD', path)).headers.get('holdfast-upload-state');
  await expect.poll(state, { timeout: 10_000 }).toBe('completed');
  return (await tus(node, 'HEAD', path)).headers.get('holdfast-asset');
}

const base64 = (text: string | Uint8Array) => Buffer.from(text).toString('base64');
const idOf = (path: string) => path.split('/').at(-1) ?? '';

describe('creation', () => {
  test('MUST be acknowledged with 201, and MUST set Location, which is relative here', async () => {
    const answer = await tus(node, 'POST', '/files', { headers: { 'Upload-Length': 100, Host: 'elsewhere.example' } });
    const plain = await tus(node, 'POST', '/files', { headers: { 'Upload-Length': 100 } });
    expect([403, 201]).toContain(answer.status);
    expect(plain.status).toBe(201);
    expect(plain.headers.get('location')).toMatch(/^\/files\/[0-9a-f-]{36}$/);
    expect(await offsetOf(node, plain.headers.get('location') ?? '')).toBe(0);
  });

  test('MUST include Upload-Length or Upload-Defer-Length: 1; any other value than 1 is 400', async () => {
    const bad = [
      {},
      { 'Upload-Length': 1, 'Upload-Defer-Length': 1 },
      { 'Upload-Defer-Length': 0 },
      { 'Upload-Defer-Length': 'true' },
      { 'Upload-Length': '5, 6' },
    ];
    for (const headers of bad) expect((await tus(node, 'POST', '/files', { headers })).status).toBe(400);
  });

  test('If the length exceeds the maximum, the Server MUST respond with 413', async () => {
    const headers = { 'Upload-Length': 1024 ** 3 + 1 };
    expect((await tus(node, 'POST', '/files', { headers })).status).toBe(413);
  });

  test('An empty file is immediately complete after its creation', async () => {
    const path = await createUpload(node, { 'Upload-Length': 0 });
    expect(await offsetOf(node, path)).toBe(0);
    expect(await completed(path)).toBe(sha256(new Uint8Array()));
  });
});

describe('Upload-Metadata', () => {
  test('HEAD MUST include it with its value as specified by the Client', async () => {
    const values = [
      `filename ${base64('Vörlesung 1 — 你好.mp4')},is_confidential`,
      `filename ${base64('a.mp4')}, filetype ${base64('video/mp4')} ,empty `,
      `binary ${base64(Buffer.from([0, 1, 255, 13, 10]))},name ${base64('x.bin')}`,
      'a YQ',
    ];
    for (const value of values) {
      const path = await createUpload(node, { 'Upload-Length': 3, 'Upload-Metadata': value });
      expect((await tus(node, 'HEAD', path)).headers.get('upload-metadata')).toBe(value.trim());
    }
    const bare = await createUpload(node, { 'Upload-Length': 3 });
    expect((await tus(node, 'HEAD', bare)).headers.get('upload-metadata')).toBeNull();
  });

  test('what is text in it names the upload and describes it', async () => {
    const value = `filename ${base64('../Vörlesung\r\n1.mp4')},filetype ${base64('video/mp4')},subject ${base64('Heart')},raw ${base64(Buffer.from([255]))}`;
    const path = await createUpload(node, { 'Upload-Length': 3, 'Upload-Metadata': value });
    const upload = await node.status(idOf(path));
    expect(upload).toMatchObject({
      filename: '../Vörlesung\r\n1.mp4',
      safeName: 'Vörlesung1.mp4',
      contentType: 'video/mp4',
    });
    expect(upload.metadata['subject']).toBe('Heart');
    expect(upload.metadata['raw']).toBeUndefined();
    const odd = `filetype ${base64('not a type\r\n')},filename ${base64('x'.repeat(3_000))},long ${base64('y'.repeat(5_000))}`;
    const other = await createUpload(node, { 'Upload-Length': 3, 'Upload-Metadata': odd });
    expect(await node.status(idOf(other))).toMatchObject({ contentType: 'application/octet-stream' });
  });

  test.each(['a YQ==,a YQ==', ',a YQ==', 'a YQ==,', 'a YQ== YQ==', 'a !!!', 'a YQ===', 'a Y', ','])(
    'The key MUST NOT be empty, all keys MUST be unique, the value MUST be Base64: "%s" is 400',
    async (value) => {
      const headers = { 'Upload-Length': 3, 'Upload-Metadata': value };
      expect((await tus(node, 'POST', '/files', { headers })).status).toBe(400);
    },
  );
});

describe('creation-defer-length', () => {
  test('MUST set Upload-Defer-Length: 1 in HEAD as long as the length is not known; once set the length MUST NOT be changed', async () => {
    const path = await createUpload(node, { 'Upload-Defer-Length': 1 });
    await patchUpload(node, path, 0, Buffer.from('hello'));
    const before = (await tus(node, 'HEAD', path)).headers;
    expect([before.get('upload-defer-length'), before.get('upload-length')]).toEqual(['1', null]);
    expect(await node.status(idOf(path))).toMatchObject({ size: null, receivedBytes: 5, progress: 0 });
    expect((await patchUpload(node, path, 5, Buffer.alloc(0), { 'Upload-Length': 4 })).status).toBe(400);
    expect((await patchUpload(node, path, 5, Buffer.from(' '), { 'Upload-Length': 11 })).status).toBe(204);
    const after = (await tus(node, 'HEAD', path)).headers;
    expect([after.get('upload-defer-length'), after.get('upload-length')]).toEqual([null, '11']);
    expect((await patchUpload(node, path, 6, Buffer.from('w'), { 'Upload-Length': 12 })).status).toBe(400);
    expect((await patchUpload(node, path, 6, Buffer.from('world'), { 'Upload-Length': 11 })).status).toBe(204);
    expect(await completed(path)).toBe(sha256(Buffer.from('hello world')));
  });

  test('the length can come last, without bytes, and can be more than is allowed', async () => {
    const path = await createUpload(node, { 'Upload-Defer-Length': 1 });
    await patchUpload(node, path, 0, Buffer.from('all of it'));
    expect((await patchUpload(node, path, 9, Buffer.alloc(0), { 'Upload-Length': 2 ** 40 })).status).toBe(413);
    expect((await patchUpload(node, path, 9, Buffer.alloc(0), { 'Upload-Length': 9 })).status).toBe(204);
    expect(await completed(path)).toBe(sha256(Buffer.from('all of it')));
  });
});

describe('creation-with-upload', () => {
  test('MUST include Upload-Offset, the offset after applying the accepted bytes', async () => {
    const bytes = someBytes(100_000);
    const headers = { ...bytesType, 'Upload-Length': bytes.length };
    const part = await tus(node, 'POST', '/files', { headers, body: bytes.subarray(0, 40_000) });
    expect([part.status, part.headers.get('upload-offset')]).toEqual([201, '40000']);
    await patchUpload(node, part.headers.get('location') ?? '', 40_000, bytes.subarray(40_000));
    expect(await completed(part.headers.get('location') ?? '')).toBe(sha256(bytes));
    const whole = await tus(node, 'POST', '/files', { headers, body: bytes });
    expect(whole.headers.get('upload-offset')).toBe('100000');
    expect(await completed(whole.headers.get('location') ?? '')).toBe(sha256(bytes));
    const deferred = await tus(node, 'POST', '/files', {
      headers: { ...bytesType, 'Upload-Defer-Length': 1 },
      body: bytes,
    });
    expect(deferred.headers.get('upload-offset')).toBe('100000');
  });

  test('similar rules as for PATCH apply; what is refused leaves nothing behind', async () => {
    const before = (await node.incoming()).length;
    const hello = Buffer.from('hello');
    const cases = [
      [{ 'Content-Type': 'text/plain', 'Upload-Length': 5 }, hello, 415],
      [{ 'Upload-Length': 5 }, hello, 415],
      [{ ...bytesType, 'Upload-Length': 4 }, hello, 413],
      [{ ...bytesType, 'Upload-Length': 5, 'Upload-Checksum': `sha1 ${base64(Buffer.alloc(20))}` }, hello, 460],
      [{ ...bytesType, 'Upload-Length': 5, 'Upload-Checksum': 'sha1 x' }, hello, 400],
    ] as const;
    for (const [headers, body, status] of cases) {
      const answer = await tus(node, 'POST', '/files', { headers, body });
      expect(answer.status).toBe(status);
      expect(answer.headers.get('location')).toBeNull();
    }
    expect((await node.incoming()).length).toBe(before);
  });
});

describe('expiration', () => {
  test('Upload-Expires MUST be in every PATCH response if the upload is going to expire, and in the response to POST', async () => {
    const post = await tus(node, 'POST', '/files', { headers: { 'Upload-Length': 5 } });
    const path = post.headers.get('location') ?? '';
    const first = await patchUpload(node, path, 0, Buffer.from('he'));
    for (const { headers } of [post, first, await tus(node, 'HEAD', path)]) {
      const text = headers.get('upload-expires') ?? '';
      expect(text).toMatch(/^\w{3}, \d{2} \w{3} \d{4} \d{2}:\d{2}:\d{2} GMT$/);
      expect(Date.parse(text)).toBeGreaterThan(Date.now() + 23 * 3_600_000);
    }
    const last = await patchUpload(node, path, 2, Buffer.from('llo'));
    expect(last.headers.get('upload-expires')).toBeNull();
  });

  test('A Client that attempts to resume an upload which has been removed SHOULD get 410', async () => {
    await using quick = await RunningNode.start({
      config: { sessionTimeoutHours: 0.0001, cleanupIntervalMinutes: 0.005 },
    });
    const path = await createUpload(quick, { 'Upload-Length': 5 });
    const status = async () => (await tus(quick, 'HEAD', path)).status;
    await expect.poll(status, { timeout: 10_000 }).toBe(410);
    expect((await patchUpload(quick, path, 0, Buffer.from('x'))).status).toBe(410);
  });
});

const algorithms = {
  sha1: (bytes: Uint8Array) => createHash('sha1').update(bytes).digest(),
  sha256: (bytes: Uint8Array) => createHash('sha256').update(bytes).digest(),
  sha512: (bytes: Uint8Array) => createHash('sha512').update(bytes).digest(),
  md5: (bytes: Uint8Array) => createHash('md5').update(bytes).digest(),
  crc32: (bytes: Uint8Array) => {
    const out = Buffer.alloc(4);
    out.writeUInt32BE(crc32(bytes));
    return out;
  },
};

describe('checksum', () => {
  test.each(Object.entries(algorithms))(
    '%s: 204 if the checksums match, 460 if they mismatch',
    async (name, digest) => {
      const bytes = someBytes(100_000);
      const path = await createUpload(node, { 'Upload-Length': bytes.length });
      const wrong = { 'Upload-Checksum': `${name} ${digest(Buffer.from('other')).toString('base64')}` };
      expect((await patchUpload(node, path, 0, bytes.subarray(0, 60_000), wrong)).status).toBe(460);
      expect(await offsetOf(node, path)).toBe(0);
      const first = { 'Upload-Checksum': `${name} ${digest(bytes.subarray(0, 60_000)).toString('base64')}` };
      expect((await patchUpload(node, path, 0, bytes.subarray(0, 60_000), first)).status).toBe(204);
      expect((await patchUpload(node, path, 60_000, bytes.subarray(60_000), first)).status).toBe(460);
      expect(await offsetOf(node, path)).toBe(60_000);
      await patchUpload(node, path, 60_000, bytes.subarray(60_000));
      expect(await completed(path)).toBe(sha256(bytes));
    },
  );

  test('the example of the specification', async () => {
    const path = await createUpload(node, { 'Upload-Length': 11 });
    const headers = { 'Upload-Checksum': 'sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=' };
    expect((await patchUpload(node, path, 0, Buffer.from('hello world'), headers)).status).toBe(204);
  });

  test.each([
    'sha3 AAAA',
    'SHA1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=',
    'sha1',
    'sha1 ',
    'sha1 !!',
    'sha1 AAAA',
    '',
    'toString AAAA',
  ])(
    '400 if the algorithm is not supported or the field not well-formed, and the chunk MUST be discarded: "%s"',
    async (value) => {
      const path = await createUpload(node, { 'Upload-Length': 11 });
      const answer = await patchUpload(node, path, 0, Buffer.from('hello world'), { 'Upload-Checksum': value });
      expect(answer.status).toBe(400);
      expect(await offsetOf(node, path)).toBe(0);
    },
  );

  test('a body with a checksum that breaks off leaves nothing', async () => {
    const bytes = someBytes(100_000);
    const path = await createUpload(node, { 'Upload-Length': bytes.length });
    const checksum = `sha1 ${algorithms.sha1(bytes).toString('base64')}`;
    const connection = await begun(node, 'PATCH', path, {
      ...bytesType,
      'Upload-Offset': 0,
      'Content-Length': bytes.length,
      'Upload-Checksum': checksum,
    });
    connection.send(bytes.subarray(0, 70_000));
    expect((await connection.answer()).status).toBe(408);
    connection.destroy();
    expect(await offsetOf(node, path)).toBe(0);
    expect((await patchUpload(node, path, 0, bytes, { 'Upload-Checksum': checksum })).status).toBe(204);
  });
});

describe('checksum-trailer', () => {
  async function withTrailer(path: string, bytes: Uint8Array, trailer: string): Promise<number> {
    const headers = { ...bytesType, 'Upload-Offset': 0, 'Transfer-Encoding': 'chunked', Trailer: 'Upload-Checksum' };
    const connection = await begun(node, 'PATCH', path, headers);
    connection.send(chunk(bytes.subarray(0, 50_000)));
    connection.send(chunk(bytes.subarray(50_000)));
    connection.send(`0\r\n${trailer}\r\n`);
    const { status } = await connection.answer();
    connection.destroy();
    return status;
  }

  test('the checksum MAY be included as a trailer', async () => {
    const bytes = someBytes(100_000);
    const path = await createUpload(node, { 'Upload-Length': bytes.length });
    const wrong = `Upload-Checksum: sha1 ${algorithms.sha1(Buffer.from('x')).toString('base64')}\r\n`;
    expect(await withTrailer(path, bytes, wrong)).toBe(460);
    expect(await withTrailer(path, bytes, 'Upload-Checksum: sha4 AAAA\r\n')).toBe(400);
    expect(await withTrailer(path, bytes, '')).toBe(400);
    expect(await offsetOf(node, path)).toBe(0);
    for (const [name, digest] of Object.entries(algorithms)) {
      const other = await createUpload(node, { 'Upload-Length': bytes.length });
      const right = `Upload-Checksum: ${name} ${digest(bytes).toString('base64')}\r\n`;
      expect(await withTrailer(other, bytes, right), name).toBe(204);
      expect(await completed(other)).toBe(sha256(bytes));
    }
  });
});

describe('termination', () => {
  test('MUST respond with 204; for all future requests 410', async () => {
    const unfinished = await createUpload(node, { 'Upload-Length': 5 });
    await patchUpload(node, unfinished, 0, Buffer.from('he'));
    const finished = await createUpload(node, { 'Upload-Length': 5 });
    await patchUpload(node, finished, 0, Buffer.from('hello'));
    const asset = await completed(finished);
    const busy = await createUpload(node, { 'Upload-Length': 5 });
    await patchUpload(node, busy, 0, Buffer.from('hello'));
    for (const path of [unfinished, finished, busy]) {
      expect((await tus(node, 'DELETE', path)).status).toBe(204);
      expect((await tus(node, 'HEAD', path)).status).toBe(410);
      expect((await tus(node, 'HEAD', path)).headers.get('upload-offset')).toBeNull();
      expect((await patchUpload(node, path, 5, Buffer.alloc(0))).status).toBe(410);
      expect((await tus(node, 'DELETE', path)).status).toBe(410);
    }
    expect(await node.incoming()).not.toContain(idOf(unfinished));
    // What was completed is an asset, which others may have sent as well: it stays.
    expect((await node.fetch(`/v1/assets/${asset}/content`)).status).toBe(200);
  });

  test('stops a running PATCH first', async () => {
    const path = await createUpload(node, { 'Upload-Length': 500_000 });
    const old = await begun(node, 'PATCH', path, { ...bytesType, 'Upload-Offset': 0, 'Content-Length': 500_000 });
    old.send(Buffer.alloc(100_000));
    await expect.poll(() => node.incoming()).toContain(idOf(path));
    expect((await tus(node, 'DELETE', path)).status).toBe(204);
    expect((await old.answer()).status).toBe(423);
    old.destroy();
    expect(await node.incoming()).not.toContain(idOf(path));
  });
});

describe('concatenation', () => {
  const partial = (length: number) => createUpload(node, { 'Upload-Length': length, 'Upload-Concat': 'partial' });

  async function filled(text: string): Promise<string> {
    const path = await partial(text.length);
    await patchUpload(node, path, 0, Buffer.from(text));
    return path;
  }

  test('The partial uploads MUST be concatenated as per the order; HEAD MUST include Upload-Concat as received, and Upload-Offset and Upload-Length, equal', async () => {
    const [a, b] = [await filled('hello'), await filled(' world')];
    for (const list of [`final;${a} ${b}`, `final;${node.url}${a} https://proxy.example/up${b}`]) {
      const [first, second] = list.includes('proxy') ? [await filled('hello'), await filled(' world')] : [a, b];
      const value = list.replace(a, first).replace(b, second);
      const path = await createUpload(node, { 'Upload-Concat': value, 'Upload-Metadata': `filename ${base64('x')}` });
      expect(await completed(path)).toBe(sha256(Buffer.from('hello world')));
      const { headers } = await tus(node, 'HEAD', path);
      expect(headers.get('upload-concat')).toBe(value);
      expect([headers.get('upload-offset'), headers.get('upload-length')]).toEqual(['11', '11']);
      expect(headers.get('upload-metadata')).toBe(`filename ${base64('x')}`);
    }
  });

  test('HEAD for a partial upload MUST contain Upload-Offset and Upload-Concat; it is not processed', async () => {
    const path = await filled('part');
    const { headers } = await tus(node, 'HEAD', path);
    expect([headers.get('upload-offset'), headers.get('upload-length'), headers.get('upload-concat')]).toEqual([
      '4',
      '4',
      'partial',
    ]);
    expect(headers.get('holdfast-upload-state')).toBe('receiving');
    const { body } = await node.json<{ items: { id: string }[] }>('GET', '/v1/assets');
    expect(body.items.map((asset) => asset.id)).not.toContain(sha256(Buffer.from('part')));
  });

  test('MUST respond with 403 to PATCH against a final upload, and MUST NOT modify it or its parts', async () => {
    const part = await partial(5);
    const path = await createUpload(node, { 'Upload-Concat': `final;${part}` });
    expect((await patchUpload(node, path, 0, Buffer.from('x'))).status).toBe(403);
    expect(await offsetOf(node, part)).toBe(0);
    await patchUpload(node, part, 0, Buffer.from('hello'));
    expect(await completed(path)).toBe(sha256(Buffer.from('hello')));
    expect((await patchUpload(node, path, 5, Buffer.from('x'))).status).toBe(403);
  });

  test('concatenation-unfinished: HEAD SHOULD NOT contain Upload-Offset before it is done; Upload-Length MUST be there if it can be calculated', async () => {
    const [a, b] = [
      await partial(5),
      await createUpload(node, { 'Upload-Defer-Length': 1, 'Upload-Concat': 'partial' }),
    ];
    const path = await createUpload(node, { 'Upload-Concat': `final;${a} ${b}` });
    const lengths = async () => {
      const { headers } = await tus(node, 'HEAD', path);
      return [headers.get('upload-offset'), headers.get('upload-length')];
    };
    expect(await lengths()).toEqual([null, null]);
    await patchUpload(node, b, 0, Buffer.from(' wor'), { 'Upload-Length': 6 });
    expect(await lengths()).toEqual([null, '11']);
    expect((await tus(node, 'DELETE', a)).status).toBe(423);
    await patchUpload(node, a, 0, Buffer.from('hello'));
    await patchUpload(node, b, 4, Buffer.from('ld'));
    expect(await completed(path)).toBe(sha256(Buffer.from('hello world')));
    expect(await lengths()).toEqual(['11', '11']);
  });

  test('The same partial upload MAY be present multiple times', async () => {
    const part = await filled('ha');
    const path = await createUpload(node, { 'Upload-Concat': `final;${part} ${part} ${part}` });
    expect(await completed(path)).toBe(sha256(Buffer.from('hahaha')));
  });

  test('The Client MUST NOT include Upload-Length in the final upload creation; parts have to be partial uploads of this server', async () => {
    const [part, plain] = [await filled('x'), await createUpload(node, { 'Upload-Length': 1 })];
    const bad = [
      { 'Upload-Concat': `final;${part}`, 'Upload-Length': 1 },
      { 'Upload-Concat': `final;${plain}` },
      { 'Upload-Concat': 'final;/files/01900000-0000-7000-8000-000000000000' },
      { 'Upload-Concat': `final;${part} /elsewhere/x` },
      { 'Upload-Concat': 'final;' },
      { 'Upload-Concat': 'final' },
      { 'Upload-Concat': 'partially', 'Upload-Length': 1 },
    ];
    for (const headers of bad) expect((await tus(node, 'POST', '/files', { headers })).status).toBe(400);
  });
});

describe('pages of other origins', () => {
  const origin = 'https://app.example';

  test('may send what tus needs, and read what tus answers', async () => {
    await using open = await RunningNode.start({ config: { corsOrigins: [origin] } });
    const asked = 'authorization,content-type,tus-resumable,upload-offset,upload-checksum,x-http-method-override';
    const preflight = await tus(open, 'OPTIONS', '/files/x', {
      version: null,
      headers: { Origin: origin, 'Access-Control-Request-Method': 'PATCH', 'Access-Control-Request-Headers': asked },
    });
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get('access-control-allow-origin')).toBe(origin);
    expect(preflight.headers.get('access-control-allow-methods')).toContain('PATCH');
    expect(preflight.headers.get('access-control-allow-headers')).toBe(asked);
    const post = await tus(open, 'POST', '/files', { headers: { Origin: origin, 'Upload-Length': 1 } });
    expect(post.status).toBe(201);
    const exposed = (post.headers.get('access-control-expose-headers') ?? '').toLowerCase();
    for (const name of [
      'location',
      'upload-offset',
      'upload-length',
      'tus-resumable',
      'upload-expires',
      'upload-metadata',
    ])
      expect(exposed).toContain(name);
    // What this server can do is told without an Origin as well.
    expect((await tus(open, 'OPTIONS', '/files')).headers.get('tus-version')).toBe('1.0.0');
    const foreign = { Origin: 'https://evil.example', 'Upload-Length': 1 };
    expect((await tus(open, 'POST', '/files', { headers: foreign })).status).toBe(403);
  });

  test('with API keys: abilities are public, everything else is not, whatever the method claims to be', async () => {
    const key = 'a-key-of-sixteen-characters';
    const config = { apiKeys: [{ principal: 'ada', sha256: sha256(Buffer.from(key)) }] };
    await using locked = await RunningNode.start({ config });
    expect((await tus(locked, 'OPTIONS', '/files')).status).toBe(204);
    const headers = { 'Upload-Length': 1 };
    for (const method of ['POST', 'GET', 'PUT']) {
      const answer = await tus(locked, method, '/files', { headers: { ...headers, 'X-HTTP-Method-Override': 'POST' } });
      expect(answer.status).toBe(401);
      expect(answer.headers.get('tus-resumable')).toBe('1.0.0');
    }
    const trick = await tus(locked, 'OPTIONS', '/files', { headers: { ...headers, 'X-HTTP-Method-Override': 'POST' } });
    expect([trick.status, trick.headers.get('location')]).toEqual([204, null]);
    const authorized = { ...headers, Authorization: `Bearer ${key}` };
    expect((await tus(locked, 'POST', '/files', { headers: authorized })).status).toBe(201);
  });
});

test('the content of a completed upload can be read at its URL', async () => {
  const path = await createUpload(node, { 'Upload-Length': 5, 'Upload-Metadata': `filename ${base64('a.txt')}` });
  expect((await node.fetch(path)).status).toBe(409);
  await patchUpload(node, path, 0, Buffer.from('hello'));
  await completed(path);
  expect(await (await node.fetch(path)).text()).toBe('hello');
});
