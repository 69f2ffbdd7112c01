/** tus-js-client, unmodified, in Node.js, against the server: every combination of what it can be told. */
import { Readable } from 'node:stream';
import { type HttpRequest, Upload, type UploadOptions } from 'tus-js-client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { RunningNode, sha256, someBytes } from './running-node.ts';

let node: RunningNode;
beforeAll(async () => {
  node = await RunningNode.start();
});
afterAll(() => node.close());

const bytes = someBytes(700_001);

interface Sent {
  readonly url: string;
  readonly progress: number[];
}

/** Resolves when the client says that it succeeded. */
function send(content: Buffer | Readable, options: Partial<UploadOptions>): Promise<Sent> {
  const progress: number[] = [];
  return new Promise((resolve, reject) => {
    const upload = new Upload(content, {
      endpoint: `${node.url}/files`,
      retryDelays: [10, 50, 200],
      metadata: { filename: 'Vorlesung №1.mp4', filetype: 'video/mp4' },
      onProgress: (sent) => progress.push(sent),
      onError: reject,
      onSuccess: () => resolve({ url: upload.url ?? '', progress }),
      ...options,
    });
    upload.start();
  });
}

async function arrived(url: string, content: Buffer): Promise<void> {
  const id = url.split('/').at(-1) ?? '';
  const state = async () => (await node.status(id)).state;
  await expect.poll(state, { timeout: 15_000 }).toBe('completed');
  expect(await node.status(id)).toMatchObject({
    sha256: sha256(content),
    size: content.length,
    filename: 'Vorlesung №1.mp4',
    contentType: 'video/mp4',
  });
}

const combinations = [1, 3].flatMap((parallelUploads) =>
  [Number.POSITIVE_INFINITY, 100_000].flatMap((chunkSize) =>
    [false, true].flatMap((uploadDataDuringCreation) =>
      [false, true].map((overridePatchMethod) => ({
        parallelUploads,
        chunkSize,
        uploadDataDuringCreation,
        overridePatchMethod,
      })),
    ),
  ),
);

describe('a buffer', () => {
  test.each(combinations)('%o', async (options) => {
    const { url, progress } = await send(bytes, options);
    expect(Math.max(...progress)).toBe(bytes.length);
    await arrived(url, bytes);
  });
});

describe('a stream', () => {
  test.each([false, true])(
    'of a length that is told later, data during creation %s',
    async (uploadDataDuringCreation) => {
      const source = Readable.from([bytes.subarray(0, 300_000), bytes.subarray(300_000)]);
      const { url } = await send(source, {
        uploadLengthDeferred: true,
        chunkSize: 128 * 1024,
        uploadDataDuringCreation,
      });
      await arrived(url, bytes);
    },
  );
});

test('an empty file', async () => {
  const { url } = await send(Buffer.alloc(0), {});
  await arrived(url, Buffer.alloc(0));
});

test('goes on after it was stopped, from what had arrived', async () => {
  const stopped = await new Promise<string>((resolve, reject) => {
    const upload: Upload = new Upload(bytes, {
      endpoint: `${node.url}/files`,
      chunkSize: 100_000,
      metadata: { filename: 'Vorlesung №1.mp4', filetype: 'video/mp4' },
      onError: reject,
      onChunkComplete: (_size, accepted) => {
        if (accepted >= 300_000) void upload.abort().then(() => resolve(upload.url ?? ''), reject);
      },
    });
    upload.start();
  });
  const sent: (string | undefined)[] = [];
  const onBeforeRequest = (request: HttpRequest) => {
    if (request.getMethod() === 'PATCH') sent.push(request.getHeader('Upload-Offset'));
  };
  const { url } = await send(bytes, { uploadUrl: stopped, onBeforeRequest });
  expect(url).toBe(stopped);
  expect(Number(sent[0])).toBeGreaterThanOrEqual(300_000);
  await arrived(url, bytes);
});

test('terminates what it began', async () => {
  const { url } = await send(bytes, {});
  await Upload.terminate(url);
  const answer = await fetch(url, { method: 'HEAD', headers: { 'tus-resumable': '1.0.0' } });
  expect(answer.status).toBe(410);
});
