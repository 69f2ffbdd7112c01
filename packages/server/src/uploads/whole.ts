/**
 * A small file that comes in the request that creates its upload: bytes → sync → one row for the creation and the receipt → answer. Before
 * that row nobody knows of the upload: no place is claimed, nobody takes over, and a body that breaks leaves nothing behind. A crash before
 * it can leave bytes in the incoming area, which `verify` removes. From the row on the upload is as any other.
 */
import { digestBy } from '../core/digest.ts';
import { HoldfastError, invariant } from '../core/errors.ts';
import type { BodySource } from '../core/ports/body-source.ts';
import { transition } from '../core/transition.ts';
import type { Extent, Lease, Millis, NewEvent, Upload } from '../core/upload.ts';
import { algorithmsOf, checkDigest, type ExpectedDigest } from './append-checks.ts';
import { type Beginning, type CreateRequest, checkRoom, insertUpload, requested } from './beginning.ts';
import type { UploadDependencies } from './dependencies.ts';
import type { Finisher } from './finish.ts';
import { judgedBody } from './sniffed-body.ts';

/** Bytes of a file that may come so: as many as are hashed while they are received. Longer ones are worth resuming. */
export const wholeBytesMax = 256 * 1024;

export interface WholeFile {
  readonly body: BodySource;
  /** Of the body, checked before anything is acknowledged. */
  readonly digest: ExpectedDigest | null;
}

/** Whether a request with a body of `declaredLength` bytes, null when it does not say, brings the whole of what it creates, and may do so. */
export function isWhole(request: CreateRequest, declaredLength: number | null): boolean {
  const { size, ends = 'by-length', concatenation = { role: 'none' } } = request;
  const small = size !== null && size > 0 && size <= wholeBytesMax;
  return small && declaredLength === size && ends === 'by-length' && concatenation.role === 'none';
}

export class WholeFiles {
  readonly #deps: UploadDependencies;
  readonly #finisher: Finisher;

  constructor(deps: UploadDependencies, finisher: Finisher) {
    this.#deps = deps;
    this.#finisher = finisher;
  }

  /** The upload as it is once everything of it is acknowledged: its digest is about to be checked. */
  async take(request: CreateRequest, file: WholeFile): Promise<{ upload: Upload; extent: Extent }> {
    const { clock, crash, observer, creationGate } = this.#deps;
    const started = clock.now();
    const { upload, event } = requested(this.#deps, request, started);
    await checkRoom(this.#deps, sizeOf(upload));
    await creationGate.admit(upload);
    try {
      const stored = await this.#store(upload, file);
      crash('receipt:after-sync');
      await request.confirm?.();
      const extent = { ...stored, receivedAt: clock.now() };
      const begun = received({ upload, event }, extent, this.#finisher.lease());
      const next = await insertUpload(this.#deps, request, begun);
      crash('receipt:after-commit');
      observer.receipt({ bytes: extent.length, seconds: (clock.now() - started) / 1000, duplicate: false });
      this.#finisher.start(next, extent.sha256);
      return { upload: next, extent };
    } catch (error) {
      await this.#forget(upload);
      throw error;
    }
  }

  async #store(upload: Upload, { body, digest }: WholeFile): Promise<Omit<Extent, 'receivedAt'>> {
    const { blobs, crash } = this.#deps;
    const length = sizeOf(upload);
    await blobs.prepare(upload.id, length);
    crash('receipt:before-write');
    const written = await blobs.write({
      uploadId: upload.id,
      offset: 0,
      length,
      body: judgedBody(this.#deps, upload, body),
      digests: algorithmsOf(digest, true),
      mayWrite: () => true,
    });
    crash('receipt:after-write');
    if (digest !== null) checkDigest({ ...written, length, end: 'body' }, digest);
    await blobs.sync(upload.id);
    return { offset: 0, length, crc32: written.crc32, sha256: digestBy(written.digests, 'sha-256') };
  }

  /** Of an upload without a row. If its row is there after all, because only the answer to it was lost, it keeps its bytes. */
  async #forget({ id }: Upload): Promise<void> {
    try {
      if ((await this.#deps.store.find(id)) === null) await this.#deps.blobs.discard(id);
    } catch (err) {
      this.#deps.log.warn(
        { uploadId: id, err },
        'bytes of a file that was not taken may be left; `holdfast verify` finds them',
      );
    }
  }
}

/** Created and received, in one. */
function received(
  { upload, event }: { readonly upload: Upload; readonly event: NewEvent },
  extent: Extent,
  lease: Lease,
): Beginning {
  const now: Millis = extent.receivedAt;
  const ttlMs = upload.expiresAt - upload.createdAt;
  const command =
    upload.intake === 'grid'
      ? ({ type: 'record', extent, lease, ttlMs } as const)
      : ({ type: 'append', extent, end: true, fence: upload.fence, lease, ttlMs } as const);
  const decision = transition(upload, null, command, now);
  invariant(decision.kind === 'accept', 'a new upload takes all its bytes');
  return { upload: decision.next, events: [event, ...decision.events], writes: decision.writes };
}

function sizeOf({ size }: Upload): number {
  if (size === null) throw new HoldfastError('internal', 'A whole file has a size.');
  return size;
}
