/** The grid of a form session: chunks of 5 MiB, as the clients of this protocol have it built in. */
import { HoldfastError } from '../../core/errors.ts';
import { chunkCount } from '../../core/grid.ts';
import { chooseChunkSize, type Limits } from '../../core/limits.ts';
import { formChunkBytes } from '../chunk-form.ts';

/** Bytes per chunk. Throws `invalid-request` when the client cuts the file otherwise, for then its chunks would fit nowhere. */
export function agreedChunkSize(size: number, totalChunks: number, limits: Limits): number {
  const chunkSize = chooseChunkSize(size, formChunkBytes, limits);
  const expected = chunkCount({ size, chunkSize });
  if (totalChunks === expected) return chunkSize;
  throw new HoldfastError(
    'invalid-request',
    `total_chunks has to be ${expected}: chunk_size is ${chunkSize} bytes and file_size ${size}; got ${totalChunks}.`,
    { details: { expected, chunkSize } },
  );
}
