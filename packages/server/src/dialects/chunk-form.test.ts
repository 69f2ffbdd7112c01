import { expect, test } from 'vitest';
import { defaultLimits } from '../core/limits.ts';
import type { BodySource } from '../core/ports/body-source.ts';
import type { FormSource } from '../core/ports/form-source.ts';
import { type ChunkFormShape, formChunkBytes, HeldBack, withChunk } from './chunk-form.ts';

const shape: ChunkFormShape<null> = { file: 'file', placeFields: ['id'], placeOf: () => null };

test('a chunk that comes before its fields and is too long gives back all that it was lent', async () => {
  let lent = 0;
  const body: BodySource = {
    next: async () => {
      lent += 1;
      const release = () => {
        lent -= 1;
      };
      return { buffers: [Buffer.alloc(1024 * 1024)], bytes: 1024 * 1024, release };
    },
    abandon: async () => {},
  };
  const form: FormSource = { next: async () => ({ kind: 'file', name: 'file', body }), abandon: async () => {} };
  const heldBack = new HeldBack(defaultLimits);
  expect(heldBack.chunkBytesMax).toBeGreaterThanOrEqual(formChunkBytes);
  const taken = withChunk(form, { shape, heldBack }, async () => 'taken');
  await expect(taken).rejects.toMatchObject({ code: 'body-too-long' });
  expect(lent).toBe(0);
});
