/** tus-js-client, unmodified, in its two modes of the IETF draft: `ietf-draft-03` (interop version 5) and `ietf-draft-05` (6). */
import { Readable } from 'node:stream';
import { DetailedError, Upload, type UploadOptions } from 'tus-js-client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { collection, head, idOf } from './ietf-exchange.ts';
import { RunningNode, sha256, someBytes } from './running-node.ts';

const bytes = someBytes(400_000);

let node: RunningNode;
beforeAll(async () => {
  node = await RunningNode.start();
});
afterAll(() => node.close());

interface Sent {
  readonly url: string;
  readonly accepted: readonly number[];
}

/** Resolves when the client says that it is done. */
function send(input: Buffer | Readable, options: UploadOptions): Promise<Sent> {
  return new Promise((resolve, reject) => {
    const accepted: number[] = [];
    const upload = new Upload(input, {
      endpoint: `${node.url}${collection}`,
      retryDelays: null,
      ...options,
      onChunkComplete: (_size, total) => accepted.push(total),
      onError: reject,
      onSuccess: () => resolve({ url: upload.url ?? '', accepted }),
    });
    upload.start();
  });
}

/** The upload that the client made, once it is over. */
async function uploadAt(url: string) {
  const id = idOf(new URL(url).pathname);
  await expect.poll(async () => (await node.status(id)).state, { timeout: 5_000 }).toBe('completed');
  return await node.status(id);
}

describe.each(['ietf-draft-03', 'ietf-draft-05'])('protocol: %s', (protocol) => {
  // The option is not in the client's types.
  const draft = { protocol } as UploadOptions;

  test.each([
    { uploadDataDuringCreation: false, chunkSize: Number.POSITIVE_INFINITY },
    { uploadDataDuringCreation: true, chunkSize: Number.POSITIVE_INFINITY },
    { uploadDataDuringCreation: false, chunkSize: 150_000 },
    { uploadDataDuringCreation: true, chunkSize: 150_000 },
  ])('%j', async (options) => {
    const { url, accepted } = await send(bytes, { ...draft, ...options });
    expect(accepted).toEqual(options.chunkSize === 150_000 ? [150_000, 300_000, 400_000] : [400_000]);
    expect(await uploadAt(url)).toMatchObject({ protocol: 'ietf', sha256: sha256(bytes), size: bytes.length });
  });

  test('a stream whose length is told at its end', async () => {
    const input = Readable.from([bytes.subarray(0, 123_456), bytes.subarray(123_456)], { objectMode: false });
    const { url } = await send(input, { ...draft, uploadLengthDeferred: true, chunkSize: 150_000 });
    expect(await uploadAt(url)).toMatchObject({ sha256: sha256(bytes), size: bytes.length });
  });

  test('an upload that was stopped half-way goes on', async () => {
    const url = await new Promise<string>((resolve, reject) => {
      const upload = new Upload(bytes, {
        endpoint: `${node.url}${collection}`,
        retryDelays: null,
        chunkSize: 100_000,
        ...draft,
        onChunkComplete: (_size, total) => {
          if (total < 200_000) return;
          void upload.abort().then(() => resolve(upload.url ?? ''));
        },
        onError: reject,
        onSuccess: () => reject(new Error('It was to be stopped.')),
      });
      upload.start();
    });
    const offset = Number((await head(node, new URL(url).pathname)).headers.get('upload-offset'));
    expect(offset).toBeGreaterThanOrEqual(200_000);
    expect(offset).toBeLessThan(bytes.length);
    const resumed = await send(bytes, { ...draft, uploadUrl: url });
    expect(resumed.url).toBe(url);
    expect(await uploadAt(url)).toMatchObject({ sha256: sha256(bytes) });
  });

  test('an upload that is cancelled by the client is gone', async () => {
    const { url } = await new Promise<{ url: string }>((resolve, reject) => {
      const upload = new Upload(bytes, {
        endpoint: `${node.url}${collection}`,
        retryDelays: null,
        chunkSize: 100_000,
        ...draft,
        onChunkComplete: () => void upload.abort(true).then(() => resolve({ url: upload.url ?? '' }), reject),
        onError: reject,
      });
      upload.start();
    });
    expect((await head(node, new URL(url).pathname)).status).toBe(410);
  });

  test('a refusal reaches the client with its status', async () => {
    const refused: unknown = await send(bytes, {
      ...draft,
      uploadUrl: `${node.url}${collection}/nothing`,
      endpoint: null,
    }).catch((error: unknown) => error);
    expect(refused instanceof DetailedError ? refused.originalResponse?.getStatus() : refused).toBe(404);
  });
});
