/** C11 in the protocols that append, and in recordings: tokens, types, base path and rates are not a matter of the dialect. */
import { createHash } from 'node:crypto';
import type { IssuedUploadToken } from '@holdfast/protocol';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FormClient } from './chunked-form-client.ts';
import { RawConnection } from './raw-connection.ts';
import { RunningNode, sha256, someBytes } from './running-node.ts';

const key = 'a-key-of-enough-length';
const apiKeys = [{ principal: 'ana', sha256: createHash('sha256').update(key).digest('hex') }];

let node: RunningNode;
let ana: RunningNode;
beforeAll(async () => {
  node = await RunningNode.start({ config: { apiKeys } });
  ana = node.as(key);
});
afterAll(() => node.close());

async function bearer(wish: object = {}): Promise<RunningNode> {
  return node.as((await ana.json<IssuedUploadToken>('POST', '/v1/upload-tokens', wish)).body.token);
}

const bytes = someBytes(300_000);
const png = Buffer.concat([Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex'), Buffer.alloc(20_000)]);

/** How a protocol in which bytes are appended is spoken: creation with a length, and all bytes in one request. */
const appending = {
  tus: {
    create: (who: RunningNode, size: number) =>
      who.fetch('/files', { method: 'POST', headers: { 'tus-resumable': '1.0.0', 'upload-length': `${size}` } }),
    append: (who: RunningNode, path: string, body: Uint8Array) =>
      who.fetch(path, {
        method: 'PATCH',
        headers: {
          'tus-resumable': '1.0.0',
          'upload-offset': '0',
          'content-type': 'application/offset+octet-stream',
        },
        body: new Uint8Array(body),
      }),
    head: (who: RunningNode, path: string) =>
      who.fetch(path, { method: 'HEAD', headers: { 'tus-resumable': '1.0.0' } }),
  },
  ietf: {
    create: (who: RunningNode, size: number) =>
      who.fetch('/ietf-files', { method: 'POST', headers: { 'upload-complete': '?0', 'upload-length': `${size}` } }),
    append: (who: RunningNode, path: string, body: Uint8Array) =>
      who.fetch(path, {
        method: 'PATCH',
        headers: { 'upload-offset': '0', 'upload-complete': '?1', 'content-type': 'application/partial-upload' },
        body: new Uint8Array(body),
      }),
    head: (who: RunningNode, path: string) => who.fetch(path, { method: 'HEAD' }),
  },
} as const;

async function codeOf(answer: Response): Promise<unknown> {
  return { status: answer.status, code: ((await answer.json()) as { code?: unknown }).code };
}

function pathOf(answer: Response): string {
  const location = answer.headers.get('location') ?? '';
  expect(location).toMatch(/^\/[\w-]+\/[\w-]+$/);
  return location;
}

describe.each(['tus', 'ietf'] as const)('%s', (name) => {
  const speak = appending[name];

  test('C11: a token is good for one upload within its size, and for nothing else', async () => {
    const browser = await bearer({ maxSize: bytes.length });
    expect(await codeOf(await speak.create(browser, bytes.length + 1))).toEqual({
      status: 413,
      code: 'file-too-large',
    });
    const created = await speak.create(browser, bytes.length);
    expect(created.status).toBe(201);
    const path = pathOf(created);
    expect(await codeOf(await speak.create(browser, 10))).toEqual({ status: 403, code: 'token-used' });
    const others = pathOf(await speak.create(ana, 10));
    expect(await codeOf(await speak.append(browser, others, someBytes(10)))).toEqual({
      status: 403,
      code: 'token-scope',
    });
    expect((await speak.head(browser, others)).status).toBe(403);
    expect((await speak.append(browser, path, bytes)).ok).toBe(true);
    const id = path.split('/').at(-1) ?? '';
    expect(await ana.json('POST', `/v1/uploads/${id}/complete`)).toMatchObject({ body: { sha256: sha256(bytes) } });
  });

  test('C11: without credentials nothing is taken, and the body is not waited for', async () => {
    expect(await codeOf(await speak.create(node, 10))).toEqual({ status: 401, code: 'unauthenticated' });
    const path = pathOf(await speak.create(ana, 10));
    expect((await speak.append(node, path, someBytes(10))).status).toBe(401);
  });

  test('C11: a file of the wrong type is refused by its first bytes, and fails', async () => {
    const browser = await bearer({ allowedTypes: ['audio/*'] });
    const path = pathOf(await speak.create(browser, png.length));
    expect(await codeOf(await speak.append(browser, path, png))).toEqual({ status: 415, code: 'unsupported-type' });
    const id = path.split('/').at(-1) ?? '';
    expect(await ana.json('GET', `/v1/uploads/${id}`)).toMatchObject({
      body: { state: 'failed', failure: { code: 'unsupported-type' }, receivedBytes: 0 },
    });
  });

  test('C11: a credential that ended while the bytes came does not complete the upload; another one does', async () => {
    const { token, id: tokenId } = (await ana.json<IssuedUploadToken>('POST', '/v1/upload-tokens', {})).body;
    const browser = node.as(token);
    const path = pathOf(await speak.create(browser, bytes.length));
    const id = path.split('/').at(-1) ?? '';
    const connection = await RawConnection.open(node.port);
    const type = name === 'tus' ? 'application/offset+octet-stream' : 'application/partial-upload';
    connection.head(`PATCH ${path}`, [
      `Authorization: Bearer ${token}`,
      `Content-Type: ${type}`,
      `Content-Length: ${bytes.length}`,
      'Upload-Offset: 0',
      ...(name === 'tus' ? ['Tus-Resumable: 1.0.0'] : ['Upload-Complete: ?1']),
    ]);
    connection.send(bytes.subarray(0, 100_000));
    await expect.poll(async () => (await speak.head(ana, path)).status, { timeout: 10_000 }).toBeLessThan(300);
    expect((await ana.fetch(`/v1/upload-tokens/${tokenId}`, { method: 'DELETE' })).status).toBe(204);
    connection.send(bytes.subarray(100_000));
    const answer = await connection.answer();
    connection.destroy();
    // A read of the draft ends what is being sent.
    expect([401, 409]).toContain(answer.status);
    expect(await ana.json('GET', `/v1/uploads/${id}`)).toMatchObject({ body: { state: 'receiving' } });
  });
});

test.each([
  ['with Upload-Complete', { 'upload-complete': '?1' }, 200],
  ['as ever', {}, 201],
])(
  'C11: a file that comes whole with its creation by the draft, %s, is taken with a token',
  async (_name, headers, status) => {
    const browser = await bearer({ maxSize: bytes.length });
    const answer = await browser.fetch('/ietf-files', { method: 'POST', headers, body: new Uint8Array(bytes) });
    expect([answer.status, await answer.json()]).toEqual([status, expect.objectContaining({ sha256: sha256(bytes) })]);
  },
);

test('C11: a file that breaks its promise by the draft is refused for that, with a token too', async () => {
  const wrong = { 'content-digest': `sha-256=:${Buffer.alloc(32).toString('base64')}:` };
  for (const headers of [{ ...wrong, 'upload-complete': '?1' }, wrong]) {
    const browser = await bearer();
    const init = { method: 'POST', headers, body: new Uint8Array(bytes) };
    expect(await codeOf(await browser.fetch('/ietf-files', init))).toEqual({ status: 422, code: 'digest-mismatch' });
    const again = await browser.fetch('/ietf-files', { method: 'POST', body: new Uint8Array(bytes) });
    const { details } = (await again.json()) as { details: { uploadId: string } };
    const path = `/ietf-files/${details.uploadId}`;
    expect((await appending.ietf.append(browser, path, bytes)).status).toBe(200);
  }
});

test('C11: where types are restricted, nothing is made of parts whose first bytes nobody judges', async () => {
  const browser = await bearer({ allowedTypes: ['audio/*'] });
  const headers = { 'tus-resumable': '1.0.0', 'upload-length': '10', 'upload-concat': 'partial' };
  const answer = await browser.fetch('/files', { method: 'POST', headers });
  expect(await codeOf(answer)).toEqual({ status: 415, code: 'unsupported-type' });
});

test('C11: with a token nothing is made of other uploads of its principal, nor told which there are', async () => {
  const headers = { 'tus-resumable': '1.0.0' };
  const creation = { ...headers, 'upload-length': '0', 'upload-concat': 'partial' };
  const part = pathOf(await ana.fetch('/files', { method: 'POST', headers: creation }));
  const browser = await bearer();
  for (const path of [part, '/files/01a20551-0757-773d-868d-de77e8820978']) {
    const final = { ...headers, 'upload-concat': `final;${path}` };
    expect(await codeOf(await browser.fetch('/files', { method: 'POST', headers: final }))).toEqual({
      status: 403,
      code: 'token-scope',
    });
  }
  expect((await appending.tus.head(ana, part)).status).toBe(200);
});

test('C11: a recording is created with a token, and no other one is seen with it', async () => {
  const wish = { asignatura: 'a', tema: 't', profesor_text: 'p', filename: 'c.webm', file_size_total: 10 };
  const others = await ana.json<{ recording_id: string }>('POST', '/api/v1/recordings/', wish);
  const browser = await bearer();
  const own = await browser.json<{ recording_id: string }>('POST', '/api/v1/recordings/', wish);
  expect(own.status).toBeLessThan(300);
  const path = `/api/v1/recordings/${own.body.recording_id}/upload-status`;
  expect((await browser.fetch(path)).status).toBe(200);
  expect((await browser.fetch(`/api/v1/recordings/${others.body.recording_id}/upload-status`)).status).toBe(403);
  expect((await browser.fetch('/api/v1/recordings/')).status).toBe(403);
  const form = new FormClient(browser);
  expect(await form.get('sessions')).toMatchObject({ status: 403 });
});

test('under a base path, Location has it in answers and in interim responses', async () => {
  await using under = await RunningNode.start({ config: { basePath: '/holdfast' } });
  const created = await appending.tus.create(under, 10);
  expect(created.headers.get('location')).toMatch(/^\/holdfast\/files\//);
  const connection = await RawConnection.open(under.port);
  connection.head('POST /holdfast/ietf-files', [
    'Upload-Complete: ?1',
    'Upload-Draft-Interop-Version: 8',
    'Content-Length: 5',
  ]);
  const interim = await connection.answer();
  expect(interim.status).toBe(104);
  expect(interim.headers.get('location')).toMatch(/^\/holdfast\/ietf-files\//);
  connection.destroy();
});
