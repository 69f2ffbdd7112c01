/** Upload tokens: a browser sends one file without seeing an API key (C11). */
import { createHash } from 'node:crypto';
import { rm } from 'node:fs/promises';
import type { IssuedUploadToken, Problem, Upload } from '@holdfast/protocol';
import { afterAll, beforeAll, describe, expect, it, test, vi } from 'vitest';
import { FormClient, formChunkBytes } from './chunked-form-client.ts';
import { EventReader } from './event-reader.ts';
import { RawConnection } from './raw-connection.ts';
import { type Answer, chunkBytes, expectProblem, RunningNode, someBytes } from './running-node.ts';

const key = 'a-key-of-enough-length';
const otherKey = 'another-key-of-enough-length';
const apiKeys = [
  { principal: 'ana', sha256: createHash('sha256').update(key).digest('hex') },
  { principal: 'ben', sha256: createHash('sha256').update(otherKey).digest('hex') },
];

let node: RunningNode;
let ana: RunningNode;
beforeAll(async () => {
  node = await RunningNode.start({ config: { apiKeys } });
  ana = node.as(key);
});
afterAll(async () => {
  await node.close();
});

async function issue(wish: object = {}, issuer = ana): Promise<IssuedUploadToken> {
  const answer = await issuer.json<IssuedUploadToken>('POST', '/v1/upload-tokens', wish);
  expect(answer).toMatchObject({ status: 201 });
  expect(answer.headers.get('cache-control')).toBe('no-store');
  return answer.body;
}

/** A bearer of a fresh token. */
async function bearer(wish: object = {}): Promise<RunningNode> {
  return node.as((await issue(wish)).token);
}

const creation = (wish: object = {}) => ({ filename: 'a.bin', size: 10, ...wish });
const create = (who: RunningNode, wish: object = {}): Promise<Answer<Upload & Problem>> =>
  who.json('POST', '/v1/uploads', creation(wish));

describe('C11: with a token', () => {
  test('a file goes all the way, with nothing but the token', async () => {
    const token = await issue();
    expect(token).toMatchObject({ principal: 'ana', uploadId: null, maxSize: null, allowedTypes: null });
    expect(token.token).toMatch(/^hfu_[\w-]{43}$/);
    expect(Date.parse(token.expiresAt)).toBeGreaterThan(Date.now() + 3_500_000);
    const bytes = someBytes(3 * chunkBytes);
    const browser = node.as(token.token);
    const upload = await browser.create({ size: bytes.length });
    const path = `/v1/uploads/${upload.id}`;
    expect((await browser.json<Upload>('POST', `${path}/pause`)).body.state).toBe('paused');
    expect((await browser.json<Upload>('POST', `${path}/resume`)).body.state).toBe('receiving');
    for (const i of [2, 0, 1]) {
      const answer = await browser.put(upload.id, i, bytes.subarray(i * chunkBytes, (i + 1) * chunkBytes));
      expect(answer).toMatchObject({ status: 200 });
    }
    const done = await browser.json<Upload>('POST', `${path}/complete`);
    expect(done).toMatchObject({ status: 200, body: { state: 'completed' } });
    expect(await browser.status(upload.id)).toMatchObject({ state: 'completed' });
    expect((await browser.json<{ items: unknown[] }>('GET', `${path}/chunks`)).body.items).toHaveLength(3);
    const reader = await EventReader.open(`${node.url}${path}/events`, undefined, {
      authorization: `Bearer ${token.token}`,
    });
    await reader.until((events) => events.some((event) => event.type === 'completed'));
    reader.close();
    expect((await ana.fetch(`/v1/assets/${done.body.assetId}`)).status).toBe(200);
  });

  test('the chunked-form dialect is held to the same bounds', async () => {
    const bytes = someBytes(formChunkBytes + 100);
    const form = new FormClient(await bearer({ maxSize: bytes.length, filename: 'fixed.wav' }));
    const refused = await form.post('init', { filename: 'x', file_size: bytes.length + 1, total_chunks: 2 });
    expect(refused).toMatchObject({ status: 413, body: { code: 'file-too-large' } });
    const id = await form.begin(bytes.length);
    expect(await form.post('init', { filename: 'x', file_size: 1, total_chunks: 1 })).toMatchObject({
      status: 403,
      body: { code: 'token-used' },
    });
    expect(await form.get('sessions')).toMatchObject({ status: 403, body: { code: 'token-scope' } });
    const other = new FormClient(await bearer());
    expect(await other.chunk(id, 0, bytes.subarray(0, formChunkBytes))).toMatchObject({
      status: 403,
      body: { code: 'token-scope' },
    });
    expect(await other.post('cancel', { upload_id: id })).toMatchObject({ status: 403 });
    expect((await form.chunk(id, 0, bytes.subarray(0, formChunkBytes))).status).toBe(200);
    expect((await form.chunk(id, 1, bytes.subarray(formChunkBytes))).status).toBe(200);
    const done = await form.post('complete', { upload_id: id });
    expect(done).toMatchObject({ status: 200, body: { filename: 'fixed.wav' } });
  });

  test('nothing but its own upload can be reached', async () => {
    const browser = await bearer();
    const own = await browser.create({ size: 10 });
    const others = await ana.create({ size: 10 });
    const done = await ana.upload(someBytes(10));
    const reached: [string, string][] = [
      ['GET', '/v1/uploads'],
      ['GET', '/v1/assets'],
      ['GET', `/v1/assets/${done.assetId}`],
      ['GET', `/v1/assets/${done.assetId}/content`],
      ['GET', `/v1/assets/${done.assetId}/runs`],
      ['GET', '/v1/runs'],
      ['GET', '/v1/events'],
      ['GET', '/metrics'],
      ['POST', '/v1/upload-tokens'],
      ['DELETE', '/v1/upload-tokens/x'],
      ['GET', `/v1/uploads/${others.id}`],
      ['GET', `/v1/uploads/${others.id}/events`],
      ['GET', `/v1/uploads/${others.id}/chunks`],
      ['POST', `/v1/uploads/${others.id}/pause`],
      ['POST', `/v1/uploads/${others.id}/complete`],
      ['DELETE', `/v1/uploads/${others.id}`],
      ['GET', '/v1/uploads/nothing'],
    ];
    for (const [method, path] of reached)
      expectProblem(await browser.json(method, path, path.endsWith('tokens') ? {} : undefined), 403, 'token-scope');
    expectProblem(await browser.put(others.id, 0, someBytes(10)), 403, 'token-scope');
    expect(await ana.status(others.id)).toMatchObject({ state: 'receiving', receivedBytes: 0 });
    expect((await browser.put(own.id, 0, someBytes(10))).status).toBe(200);
  });

  test('every route that needs credentials either belongs to an upload or refuses the token', async () => {
    const paths = Object.entries(
      (await node.json<{ paths: Record<string, object> }>('GET', '/openapi.json')).body.paths,
    );
    const browser = await bearer();
    let refused = 0;
    for (const [template, methods] of paths)
      for (const method of Object.keys(methods)) {
        if (
          /^\/(?:v1\/(?:session|server|probe)|api\/chunked-upload\/(?:init|chunk)$|api\/v1\/recordings\/config$)/.test(
            template,
          )
        )
          continue;
        if (template === '/v1/uploads' && method === 'post') continue;
        const path = template.replace(/\{\w+\}/g, '0'.repeat(64));
        const body = method === 'post' || method === 'put' ? { upload_id: 'x' } : undefined;
        const answer = await browser.json<Record<string, unknown>>(method.toUpperCase(), path, body);
        // Fields may be asked for first; what is never allowed is an answer.
        const nothing = answer.body['code'] === 'direct-not-offered';
        expect([template, method, nothing || [400, 403].includes(answer.status)]).toEqual([template, method, true]);
        if (answer.status === 403) refused += 1;
      }
    expect(refused).toBeGreaterThan(20);
  });

  test('size, type, name and metadata are what the issuer said', async () => {
    const wish = {
      maxSize: 100,
      allowedTypes: ['Audio/*', 'video/mp4'],
      filename: 'case 7.wav',
      metadata: { case: '7' },
    };
    const browser = await bearer(wish);
    expectProblem(await create(browser, { size: 101 }), 413, 'file-too-large');
    for (const contentType of ['text/html', 'video/x-matroska', 'image/png'])
      expectProblem(await create(browser, { contentType }), 415, 'unsupported-type');
    const made = await create(browser, {
      filename: 'mine',
      size: 100,
      contentType: 'audio/wav',
      metadata: { case: '8', own: 'x' },
    });
    expect(made).toMatchObject({ status: 201, body: { filename: 'case 7.wav', metadata: { case: '7', own: 'x' } } });
  });

  test('what the principal owns is not told: a known digest completes nothing', async () => {
    const bytes = someBytes(100);
    const { sha256 } = await ana.upload(bytes);
    const browser = await bearer();
    const upload = await browser.create({ size: 100, sha256 });
    expect(upload.state).toBe('receiving');
    expect((await browser.put(upload.id, 0, bytes)).status).toBe(200);
    expect((await browser.json('POST', `/v1/uploads/${upload.id}/complete`)).status).toBe(200);
  });
});

describe('C11: one upload', () => {
  test('out of many creations at once one is made; the others learn its id', async () => {
    const browser = await bearer();
    const answers = await Promise.all(Array.from({ length: 12 }, () => create(browser)));
    const made = answers.filter((answer) => answer.status === 201);
    expect(made).toHaveLength(1);
    for (const answer of answers.filter((one) => one.status !== 201))
      expect(expectProblem(answer, 403, 'token-used').details).toEqual({ uploadId: made[0]?.body.id });
  });

  test('a creation that is refused does not use the token up', async () => {
    const browser = await bearer();
    expectProblem(await create(browser, { size: -1 }), 400, 'invalid-size');
    expectProblem(await create(browser, { contentType: 'nonsense' }), 400, 'invalid-request');
    expect((await create(browser)).status).toBe(201);
  });

  test('a restart does not give it another one, and the upload goes on', async () => {
    const first = await RunningNode.start({ config: { apiKeys } });
    const { token } = (await first.as(key).json<IssuedUploadToken>('POST', '/v1/upload-tokens', {})).body;
    const upload = await first.as(token).create({ size: 2 * chunkBytes });
    await first.as(token).put(upload.id, 0, someBytes(chunkBytes));
    await first.stop();
    const second = await RunningNode.start({ config: { apiKeys }, dataDir: first.dataDir });
    const problem = expectProblem(await create(second.as(token)), 403, 'token-used');
    expect(problem.details).toEqual({ uploadId: upload.id });
    expect((await second.as(token).put(upload.id, 1, someBytes(chunkBytes))).status).toBe(200);
    await second.close();
    await rm(first.dataDir, { recursive: true, force: true });
  });
});

describe('C11: the end of a token', () => {
  it.each(['hfu_', `hfu_${'A'.repeat(43)}`, 'hfu_..%00'])('%s was never issued', async (secret) => {
    expectProblem(await create(node.as(secret)), 401, 'unauthenticated');
  });

  test('an expired one says so, and a new one for the same upload goes on where it stopped', async () => {
    const token = await issue({ expiresInSeconds: 2 });
    const browser = node.as(token.token);
    const bytes = someBytes(2 * chunkBytes);
    const { id } = await browser.create({ size: bytes.length });
    expect((await browser.put(id, 0, bytes.subarray(0, chunkBytes))).status).toBe(200);
    const late = await vi.waitFor(
      async () => {
        const answer = await browser.put(id, 1, bytes.subarray(chunkBytes + 1));
        expect(answer.status).toBe(401);
        return answer;
      },
      { timeout: 10_000, interval: 200 },
    );
    expectProblem(late, 401, 'token-expired');
    expect(late.headers.get('www-authenticate')).toMatch(/error="invalid_token"/);
    const next = await issue({ uploadId: id });
    expect(next.uploadId).toBe(id);
    expectProblem(await create(node.as(next.token)), 403, 'token-used');
    expect((await node.as(next.token).put(id, 1, bytes.subarray(chunkBytes))).status).toBe(200);
    expect(await ana.json('POST', `/v1/uploads/${id}/complete`)).toMatchObject({ status: 200 });
  });

  test('revoked while the last chunk comes in: it does not complete, and the upload stays as it was', async () => {
    const begun: string[] = [];
    const crash = (name: string) => void (name === 'receipt:before-write' && begun.push(name));
    await using own = await RunningNode.start({ config: { apiKeys }, crash });
    const issuer = own.as(key);
    const token = await issue({}, issuer);
    const browser = own.as(token.token);
    const bytes = someBytes(2 * chunkBytes);
    const { id } = await browser.create({ size: bytes.length });
    expect((await browser.put(id, 0, bytes.subarray(0, chunkBytes))).status).toBe(200);
    const slow = await RawConnection.open(own.port);
    slow.head(`PUT /v1/uploads/${id}/chunks/1`, [
      `Authorization: Bearer ${token.token}`,
      `Content-Length: ${chunkBytes}`,
    ]);
    slow.send(bytes.subarray(chunkBytes, chunkBytes + 1000));
    await vi.waitFor(() => expect(begun).toHaveLength(2));
    expect((await issuer.fetch(`/v1/upload-tokens/${token.id}`, { method: 'DELETE' })).status).toBe(204);
    slow.send(bytes.subarray(chunkBytes + 1000));
    expectProblem(await slow.answer(), 401, 'unauthenticated');
    slow.destroy();
    expect(await issuer.status(id)).toMatchObject({ state: 'receiving', missingChunks: [1] });
    expect((await issuer.put(id, 1, bytes.subarray(chunkBytes))).status).toBe(200);
    expect(await issuer.json('POST', `/v1/uploads/${id}/complete`)).toMatchObject({ status: 200 });
  });

  test('ends the event stream that it opened, which cannot be opened again', async () => {
    const { token } = await issue({ expiresInSeconds: 2 });
    const { id } = await node.as(token).create({ size: 10 });
    const url = `${node.url}/v1/uploads/${id}/events`;
    const headers = { authorization: `Bearer ${token}` };
    const reader = await EventReader.open(url, undefined, headers);
    expect(await reader.ended()).toBe(true);
    await expect(EventReader.open(url, undefined, headers)).rejects.toThrow(/401 .*token-expired/);
  });

  test('only its issuer can revoke it, and only for an own upload is there a token', async () => {
    const token = await issue();
    const ben = node.as(otherKey);
    expectProblem(await ben.json('DELETE', `/v1/upload-tokens/${token.id}`), 404, 'token-not-found');
    const mine = await ana.create({ size: 10 });
    expectProblem(await ben.json('POST', '/v1/upload-tokens', { uploadId: mine.id }), 404, 'upload-not-found');
    expect((await create(node.as(token.token))).status).toBe(201);
  });
});

describe('C11: asking for a token', () => {
  it.each([
    ['a negative size', { maxSize: -1 }, 'invalid-request'],
    ['a size that is no number', { maxSize: '10' }, 'invalid-request'],
    ['no types', { allowedTypes: [] }, 'invalid-request'],
    ['a type that is none', { allowedTypes: ['audio'] }, 'invalid-request'],
    ['a type with a parameter', { allowedTypes: ['audio/wav;x=1'] }, 'invalid-request'],
    ['an end in the past', { expiresInSeconds: 0 }, 'invalid-request'],
    ['an end in a year', { expiresInSeconds: 31_536_000 }, 'invalid-request'],
    ['a subject with a slash', { subject: 'a/b' }, 'invalid-request'],
    ['a subject of nothing', { subject: '' }, 'invalid-request'],
    ['a word that is none of it', { size: 10 }, 'invalid-request'],
    ['metadata that is not text', { metadata: { a: 1 } }, 'invalid-request'],
    ['a value of metadata that no upload may have', { metadata: { a: 'x'.repeat(4097) } }, 'invalid-request'],
    ['a key of metadata that no upload may have', { metadata: { ['k'.repeat(129)]: '' } }, 'invalid-request'],
  ])('%s is refused', async (_name, wish, code) => {
    expectProblem(await ana.json('POST', '/v1/upload-tokens', wish), 400, code);
  });

  test('needs a key', async () => {
    expectProblem(await node.json('POST', '/v1/upload-tokens', {}), 401, 'unauthenticated');
  });
});

describe('C11: subjects', () => {
  test('own what was sent with their token; the key reads it for them and nobody else does', async () => {
    const { token, principal } = await issue({ subject: 'customer-17' });
    expect(principal).toBe('ana/customer-17');
    const done = await node.as(token).upload(someBytes(50));
    const path = `/v1/assets/${done.assetId}`;
    const forSubject = (subject: string, apiKey = key) =>
      node.as(apiKey).fetch(path, { headers: { 'holdfast-subject': subject } });
    expect((await forSubject('customer-17')).status).toBe(200);
    expect((await forSubject('customer-18')).status).toBe(404);
    expect((await forSubject('customer-17', otherKey)).status).toBe(404);
    expect((await forSubject('a/b')).status).toBe(400);
    expect((await ana.fetch(path)).status).toBe(404);
  });

  test('the header does not widen a token', async () => {
    const { token } = await issue();
    const headers = { 'holdfast-subject': 'customer-17', 'content-type': 'application/json' };
    const made = await node
      .as(token)
      .fetch('/v1/uploads', { method: 'POST', headers, body: JSON.stringify(creation()) });
    const { id } = (await made.json()) as Upload;
    expect(await ana.status(id)).toMatchObject({ id });
  });
});
