/**
 * A small file that comes in the request that creates its upload: bytes → sync → one row for the creation and the receipt → answer. Before
 * that row nobody knows of the upload: no place is claimed, nobody takes over, and a body that breaks leaves nothing behind. A crash before
 * it can leave bytes in the incoming area, which `verify` removes. From the row on the upload is as any other.
 */
import type { Command } from '../core/command.ts';
import { digestBy, inlineDigestBytesMax } from '../core/digest.ts';
import { HoldfastError, invariant } from '../core/errors.ts';
import type { BodySource } from '../core/ports/body-source.ts';
import { transition } from '../core/transition.ts';
import type { Extent, NewEvent, Upload } from '../core/upload.ts';
import { algorithmsOf, checkDigest, type ExpectedDigest } from './append-checks.ts';
import { type CreateRequest, checkRoom, insertUpload, requested } from './beginning.ts';
import type { UploadDependencies } from './dependencies.ts';
import type { Finisher } from './finish.ts';
import { keptBody } from './sniffed-body.ts';

/** Bytes of a file that may come so: as many as are hashed while they are received. Longer ones are worth resuming. */
export const wholeBytesMax = inlineDigestBytesMax;

export interface WholeFile {
  readonly body: BodySource;
  /** Of the body, checked before anything is acknowledged. */
  readonly digest: ExpectedDigest | null;
}

/** What is asked for, before anything of it is there. */
interface Made {
  readonly upload: Upload;
  readonly event: NewEvent;
}

/** What is there then. */
interface Received {
  readonly upload: Upload;
  readonly extent: Extent;
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
  async take(request: CreateRequest, file: WholeFile): Promise<Received> {
    const { clock, creationGate, tracing } = this.#deps;
    const made = requested(this.#deps, request, clock.now());
    const { upload } = made;
    await checkRoom(this.#deps, sizeOf(upload));
    await creationGate.admit(upload);
    const facts = { 'holdfast.upload.id': upload.id, 'holdfast.bytes': sizeOf(upload) };
    try {
      return await tracing.within('receipt', facts, () => this.#receive(made, request, file));
    } catch (error) {
      await this.#forget(upload);
      throw error;
    }
  }

  async #receive({ upload, event }: Made, request: CreateRequest, file: WholeFile): Promise<Received> {
    const { clock, crash, limits, observer } = this.#deps;
    const started = clock.now();
    const { head, ...stored } = await this.#store(upload, file);
    crash('receipt:after-sync');
    await request.confirm?.();
    const now = clock.now();
    const extent = { ...stored, receivedAt: now };
    const decision = transition(upload, null, this.#command(upload, extent, limits.uploadTtlMs), now);
    invariant(decision.kind === 'accept', 'a new upload takes all its bytes');
    const { next, events, writes } = decision;
    const inserted = await insertUpload(this.#deps, request, { upload: next, events: [event, ...events], writes });
    crash('receipt:after-commit');
    observer.receipt({ bytes: extent.length, seconds: (clock.now() - started) / 1000, duplicate: false });
    this.#finisher.start(inserted, extent.sha256, head);
    return { upload: inserted, extent };
  }

  #command({ intake, fence }: Upload, extent: Extent, ttlMs: number): Command {
    const lease = this.#finisher.lease();
    return intake === 'grid'
      ? { type: 'record', extent, lease, ttlMs }
      : { type: 'append', extent, end: true, fence, lease, ttlMs };
  }

  async #store(
    upload: Upload,
    { body, digest }: WholeFile,
  ): Promise<Omit<Extent, 'receivedAt'> & { readonly head: Uint8Array }> {
    const { blobs, crash } = this.#deps;
    const length = sizeOf(upload);
    const kept = keptBody(this.#deps, upload, body);
    // There was room a moment ago, and its only write makes it as long as it is.
    await blobs.prepare(upload.id, 0);
    crash('receipt:before-write');
    const written = await blobs.write({
      uploadId: upload.id,
      offset: 0,
      length,
      body: kept,
      digests: algorithmsOf(digest, true),
      mayWrite: () => true,
    });
    crash('receipt:after-write');
    if (digest !== null) checkDigest({ ...written, length, end: 'body' }, digest);
    await blobs.sync(upload.id);
    const sha256 = digestBy(written.digests, 'sha-256');
    return { offset: 0, length, crc32: written.crc32, sha256, head: kept.head };
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

function sizeOf({ size }: Upload): number {
  if (size === null) throw new HoldfastError('internal', 'A whole file has a size.');
  return size;
}
