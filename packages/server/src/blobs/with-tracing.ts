/** A blob store whose work on bytes shows in traces. */
import type { BlobStore } from '../core/ports/blob-store.ts';
import type { Tracing } from '../core/ports/tracing.ts';

/** What takes long: the way of the bytes of a receipt, and what a completion does with all of them. The store itself where nothing is traced. */
export function withTracing(blobs: BlobStore, tracing: Tracing): BlobStore {
  if (!tracing.enabled) return blobs;
  const own: Partial<BlobStore> = {
    write: (request) => tracing.within('write', { 'holdfast.bytes': request.length }, () => blobs.write(request)),
    append: (request) =>
      tracing.within('write', {}, async (span) => {
        const part = await blobs.append(request);
        span.add({ 'holdfast.bytes': part.length });
        return part;
      }),
    sync: (uploadId, range) => tracing.within('sync', {}, () => blobs.sync(uploadId, range)),
    join: (uploadId, wish) =>
      tracing.within('join', { 'holdfast.parts': wish.parts.length }, () => blobs.join(uploadId, wish)),
    hash: (uploadId, size, how) =>
      tracing.within('hash', { 'holdfast.bytes': size, 'holdfast.algorithm': 'sha-256' }, () =>
        blobs.hash(uploadId, size, how),
      ),
    digest: (uploadId, size, algorithm = 'sha-256') =>
      tracing.within('hash', { 'holdfast.bytes': size, 'holdfast.algorithm': algorithm }, () =>
        blobs.digest(uploadId, size, algorithm),
      ),
    place: (uploadId, size, digest) =>
      tracing.within('place', { 'holdfast.bytes': size }, () => blobs.place(uploadId, size, digest)),
  };
  return new Proxy(blobs, {
    get(target, name) {
      const traced: unknown = Reflect.get(own, name);
      if (traced !== undefined) return traced;
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
