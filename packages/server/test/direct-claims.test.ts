/** A chunk that was sent to the bucket, reported to a process that lost its claim on the chunk's place while it took it. */
import { expect, it } from 'vitest';
import type { Arrived, DirectBlobs, TakeRequest } from '../src/core/ports/direct-blobs.ts';
import { bodyOf } from '../src/testing/body.ts';
import { sampleUpload } from '../src/testing/sample-upload.ts';
import type { UploadDependencies } from '../src/uploads/dependencies.ts';
import { DirectUploads } from '../src/uploads/direct.ts';

it.each([true, false])('its bytes count only as long as the claim does (%s)', async (valid) => {
  const upload = sampleUpload();
  let counts: boolean | null = null;
  const body = bodyOf(new Uint8Array(100));
  const arrived = {
    size: 100,
    etag: 'e',
    body: { ...body, interrupt: () => {}, abandon: async () => {} },
    remove: async () => {},
    take: async (request: TakeRequest) => {
      counts = request.mayRecord();
      return { crc32: 0, digests: [] };
    },
  } as unknown as Arrived;
  const deps = { store: { find: async () => upload } } as unknown as UploadDependencies;
  const direct = { arrived: async () => arrived } as unknown as DirectBlobs;
  const uploads = new DirectUploads(deps, direct, {
    receive: async ({ take }) => {
      await take?.({ uploadId: upload.id, offset: 0, length: 100, body, digests: [], mayWrite: () => valid });
      return {} as never;
    },
    append: async () => ({}) as never,
  });
  await uploads.report({
    uploadId: upload.id,
    principal: upload.principal,
    grant: null,
    index: 0,
    etag: 'e',
    digest: null,
  });
  expect(counts).toBe(valid);
});
