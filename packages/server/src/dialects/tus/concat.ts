/** `Upload-Concat`: partial uploads, and the list of them that a final one is made of. */
import { HoldfastError } from '../../core/errors.ts';
import type { Concatenation } from '../../core/upload.ts';

export const tusPrefix = '/files';

/** What the header says; null when the upload stands for itself. Throws `invalid-request`, `invalid-concatenation`. */
export function concatenationOf(header: string | null): Concatenation {
  if (header === null) return { role: 'none' };
  if (header === 'partial') return { role: 'partial', uses: 0 };
  const list = /^final;(.*)$/.exec(header)?.[1];
  if (list === undefined)
    throw new HoldfastError('invalid-request', 'Upload-Concat is "partial", or "final;" and a list of URLs.');
  const urls = list.split(' ').filter((url) => url !== '');
  return { role: 'final', parts: urls.map(idOf) };
}

/** The id in the URL of an upload, absolute or relative, whatever host and path the server has in the client's eyes. */
function idOf(url: string): string {
  const path = URL.parse(url, `http://localhost${tusPrefix}/`)?.pathname ?? '';
  const id = /\/files\/([0-9a-z-]{8,64})\/?$/.exec(path)?.[1];
  if (id !== undefined) return id;
  throw new HoldfastError(
    'invalid-concatenation',
    `"${url.slice(0, 200)}" is not the URL of an upload of this server.`,
    {
      details: { part: url.slice(0, 200) },
    },
  );
}
