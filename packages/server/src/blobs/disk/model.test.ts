/** Random chunks in random order, rewrites, wrong bodies and restarts, against an array of bytes. */
import { createHash, randomInt } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32 } from '@node-rs/crc32';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { BlobStore } from '../../core/ports/blob-store.ts';
import { uuidv7 } from '../../platform/uuidv7.ts';
import { bodyOf, patternBytes } from '../../testing/body.ts';
import { withFileFaults } from '../with-faults.ts';
import { nodeFileIo } from './file-io.ts';
import { openDiskBlobs } from './open.ts';

const sizeMax = 700_000;
const seed = Number(process.env['HOLDFAST_SEED'] ?? randomInt(2 ** 31));

type Step =
  | {
      readonly type: 'write';
      readonly start: number;
      readonly length: number;
      readonly seed: number;
      readonly excess: number;
    }
  | { readonly type: 'sync' }
  | { readonly type: 'restart' }
  | { readonly type: 'prepare' }
  | { readonly type: 'hash-ahead' }
  | { readonly type: 'checksum' | 'compare'; readonly start: number; readonly length: number };

const range = { start: fc.nat(sizeMax), length: fc.nat(300_000) };
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        type: fc.constant('write' as const),
        ...range,
        seed: fc.nat(1000),
        excess: fc.constantFrom(0, 0, 0, -1, 1),
      }),
    },
    { weight: 2, arbitrary: fc.record({ type: fc.constantFrom('checksum' as const, 'compare' as const), ...range }) },
    {
      weight: 2,
      arbitrary: fc.record({
        type: fc.constantFrom('sync' as const, 'restart' as const, 'prepare' as const, 'hash-ahead' as const),
      }),
    },
  ),
  { maxLength: 14 },
);

/** Runs the steps on a real store and the model alike; the model is what the file has to hold. */
async function run(size: number, plan: readonly Step[], open: () => Promise<BlobStore>): Promise<void> {
  let blobs = await open();
  const uploadId = uuidv7();
  const model = new Uint8Array(size);
  await blobs.prepare(uploadId, size);
  const clip = (step: { readonly start: number; readonly length: number }) => {
    const start = Math.min(step.start, size);
    return { start, end: Math.min(start + step.length, size) };
  };
  for (const step of plan) {
    if (step.type === 'write') {
      const { start, end } = clip(step);
      const bytes = patternBytes(Math.max(0, end - start + step.excess), step.seed);
      const request = {
        uploadId,
        offset: start,
        length: end - start,
        body: bodyOf(bytes, { batchBytes: 50_000, bufferBytes: 7_777 }),
        digests: [],
      };
      const before = model.slice(start, end);
      await blobs.write(request).then(
        (written) => {
          expect(bytes.byteLength).toBe(end - start);
          expect(written.crc32).toBe(crc32(bytes));
          model.set(bytes, start);
        },
        async () => {
          expect(bytes.byteLength).not.toBe(end - start);
          // The range itself may hold anything now: what was there is sent again.
          await blobs.write({ ...request, body: bodyOf(before) });
        },
      );
    } else if (step.type === 'sync') await blobs.sync(uploadId);
    else if (step.type === 'prepare') await blobs.prepare(uploadId, size);
    else if (step.type === 'hash-ahead') blobs.hashAhead(uploadId, size);
    else if (step.type === 'restart') {
      await blobs.close();
      blobs = await open();
    } else {
      const at = clip(step);
      const bytes = model.slice(at.start, at.end);
      if (step.type === 'checksum') expect(await blobs.checksum(uploadId, at)).toBe(crc32(bytes));
      else {
        const place = { stored: { uploadId }, offset: at.start, length: bytes.byteLength, digests: [] };
        const comparison = await blobs.compare({ ...place, body: bodyOf(bytes, { batchBytes: 99_999 }) });
        expect(comparison).toMatchObject({ same: true, crc32: crc32(bytes) });
      }
    }
  }
  const digest = createHash('sha256').update(model).digest('hex');
  expect(await blobs.digest(uploadId, size)).toBe(digest);
  await blobs.place(uploadId, size, digest);
  expect(await blobs.rehashAsset(digest)).toBe(digest);
  await blobs.close();
}

test(`random writes against a byte array (HOLDFAST_SEED=${seed})`, async () => {
  const dir = mkdtempSync(join(tmpdir(), 'holdfast-model-'));
  const io = withFileFaults(nodeFileIo, { shortBytes: 33_333 });
  const open = async () =>
    (await openDiskBlobs({ dir, durability: 'synced', reserveBytes: 0, hashWorkers: 1, io })).blobs;
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: sizeMax }), steps, (size, plan) => run(size, plan, open)),
    { numRuns: 60, seed },
  );
  rmSync(dir, { recursive: true });
});
