/** The chunked-form API's own words for errors. */
import { refusalIn } from '../form-refusals.ts';

export const refusalOf = refusalIn({
  firstChunk: 0,
  detailOf: ({ code }) => {
    if (code === 'upload-not-found') return 'Upload session not found';
    return code === 'invalid-chunk-index' ? 'Invalid chunk index' : null;
  },
});
