/** The recordings API's own words for errors. Its chunks are counted from 1. */
import type { HoldfastError } from '../../core/errors.ts';
import { refusalIn } from '../form-refusals.ts';

export const refusalOf = refusalIn({
  firstChunk: 1,
  detailOf: (error) => {
    if (error.code === 'upload-not-found') return 'Upload session not found';
    return error.code === 'invalid-chunk-index' ? `Invalid chunk number: ${chunkNumbers(error)}` : null;
  },
});

function chunkNumbers({ details, message }: HoldfastError): string {
  const { totalChunks: total } = details as { readonly totalChunks?: number };
  if (total === undefined) return message;
  return total === 0 ? 'the recording is empty.' : `the recording has chunks 1 to ${total}.`;
}
