/**
 * One chunk: place → bytes → sync → row → answer, always in this order. Nothing is acknowledged before the row is durable, and
 * no byte that was acknowledged is written over: a second body for a stored chunk is only compared with it.
 */
import { LRUCache } from 'lru-cache';
import { type Digest, digestBy, inlineDigestBytesMax } from '../core/digest.ts';
import { HoldfastError, invariant } from '../core/errors.ts';
import type { Range } from '../core/extents.ts';
import { assertCovers } from '../core/grant.ts';
import { chunkCount, chunkRange } from '../core/grid.ts';
import type { WriteRequest, Written } from '../core/ports/blob-store.ts';
import type { ExtentClaim } from '../core/ports/extent-claims.ts';
import { foreignIntake, hasEveryByte, refusal } from '../core/receiving-rules.ts';
import type { Extent, Upload } from '../core/upload.ts';
import { acknowledgeAgain } from './again.ts';
import type { Caller } from './caller.ts';
import { checkDigest, type Delivered, wantedDigests } from './chunk-digests.ts';
import { Coverage } from './coverage.ts';
import { apply, decideConfirmed, notFound } from './decide.ts';
import type { UploadDependencies } from './dependencies.ts';
import type { Finisher } from './finish.ts';
import { explained } from './repair.ts';
import { judgedBody, keptBody } from './sniffed-body.ts';

export interface ChunkDelivery extends Delivered, Caller {
  readonly uploadId: string;
  /** Bytes as declared by the request; null when it did not say. */
  readonly declaredLength: number | null;
  /** How many chunks the client takes the file for, where its protocol says that with each of them. */
  readonly totalChunks?: number | null;
  /** Only an upload that this dialect created is meant. */
  readonly protocol?: string;
  /** For bytes that are in the store already: makes them the upload's, in the place of `BlobStore.write`. */
  readonly take?: (request: WriteRequest) => Promise<Written>;
}

export interface Receipt {
  readonly upload: Upload;
  readonly extent: Extent;
  /** The same bytes were stored already. */
  readonly duplicate: boolean;
  /** Of the chunk's bytes: those that the delivery asked for. */
  readonly digests: readonly Digest[];
}

interface Stored {
  readonly extent: Omit<Extent, 'receivedAt'>;
  readonly digests: readonly Digest[];
  /** First bytes of a file that came as one chunk. */
  readonly head: Uint8Array | null;
}

const geometriesMax = 10_000;

/** Facts of an upload that never change. */
interface Geometry {
  readonly principal: string;
  readonly protocol: string;
  readonly size: number;
  readonly chunkSize: number;
}

export class Receiver {
  readonly #deps: UploadDependencies;
  readonly #finisher: Finisher;
  readonly #coverage: Coverage;
  readonly #geometries = new LRUCache<string, Geometry>({ max: geometriesMax });

  constructor(deps: UploadDependencies, finisher: Finisher) {
    this.#deps = deps;
    this.#finisher = finisher;
    this.#coverage = new Coverage(deps.store);
  }

  /**
   * Throws `upload-not-found`, `token-scope`, `unauthenticated`, `token-expired`, `invalid-request`, `invalid-chunk-index`, `invalid-size`, `body-*`, `digest-mismatch`, `chunk-conflict`, `chunk-busy`,
   * `upload-paused`, `upload-finishing`, `upload-closed`, `insufficient-storage`, `unavailable`.
   */
  receive(delivery: ChunkDelivery): Promise<Receipt> {
    const facts = { 'holdfast.upload.id': delivery.uploadId, 'holdfast.chunk.index': delivery.index };
    return this.#deps.tracing.within('receipt', facts, async (span) => {
      const receipt = await this.#receive(delivery);
      span.add({ 'holdfast.bytes': receipt.extent.length, 'holdfast.duplicate': receipt.duplicate });
      return receipt;
    });
  }

  async #receive(delivery: ChunkDelivery): Promise<Receipt> {
    const started = this.#deps.clock.now();
    const range = await this.#place(delivery);
    const claim = await this.#deps.claims.acquire(delivery.uploadId, range.start, this.#deps.limits.chunkWaitMs);
    if (!claim)
      throw new HoldfastError('chunk-busy', `Another request is sending chunk ${delivery.index} right now.`, {
        details: { index: delivery.index },
      });
    try {
      const receipt = await this.#receiveAt(delivery, range, claim);
      const seconds = (this.#deps.clock.now() - started) / 1000;
      this.#deps.observer.receipt({ bytes: receipt.extent.length, seconds, duplicate: receipt.duplicate });
      return receipt;
    } finally {
      await claim.release();
    }
  }

  forget(uploadId: string): void {
    this.#coverage.forget(uploadId);
  }

  /** Where the chunk belongs, after the checks that need no body. */
  async #place(delivery: ChunkDelivery): Promise<Range> {
    assertCovers(delivery.grant, delivery.uploadId);
    const grid = this.#geometries.get(delivery.uploadId) ?? (await this.#geometry(delivery));
    if (grid.principal !== delivery.principal || grid.protocol !== (delivery.protocol ?? grid.protocol))
      throw notFound(delivery.uploadId);
    const total = chunkCount(grid);
    if (delivery.totalChunks != null && delivery.totalChunks !== total) throw otherGrid(grid, delivery.totalChunks);
    const range = chunkRange(grid, delivery.index);
    if (!range) {
      throw new HoldfastError(
        'invalid-chunk-index',
        total === 0
          ? 'The file is empty; it has no chunks.'
          : `The upload has chunks 0 to ${total - 1}; there is no chunk ${delivery.index}.`,
        { details: { index: delivery.index, totalChunks: total } },
      );
    }
    const length = range.end - range.start;
    if (delivery.declaredLength !== null && delivery.declaredLength !== length) {
      throw new HoldfastError(
        'invalid-size',
        `Chunk ${delivery.index} has ${length} bytes; the request declares ${delivery.declaredLength}.`,
        {
          details: { index: delivery.index, expected: length, declared: delivery.declaredLength },
        },
      );
    }
    return range;
  }

  async #geometry({ uploadId, principal }: ChunkDelivery): Promise<Geometry> {
    const upload = await this.#deps.store.find(uploadId);
    if (!upload || upload.principal !== principal) throw notFound(uploadId);
    const foreign = foreignIntake(upload, 'grid');
    if (foreign) throw foreign;
    invariant(upload.size !== null, 'a grid has a size');
    const { protocol, size, chunkSize } = upload;
    const geometry = { principal, protocol, size, chunkSize };
    this.#geometries.set(uploadId, geometry);
    return geometry;
  }

  /** As the only writer of the range. */
  async #receiveAt(delivery: ChunkDelivery, range: Range, claim: ExtentClaim): Promise<Receipt> {
    const found = await this.#deps.store.findWithExtent(delivery.uploadId, range.start);
    if (!found) throw notFound(delivery.uploadId);
    // One that completed by its digest has bytes without extents.
    const stored = found.extent !== null || found.upload.phase.name === 'completed';
    const refused = refusal(found.upload);
    if (refused && !(stored && hasEveryByte(found.upload))) throw refused;
    if (stored) return await this.#again(found.upload, found.extent, { range, delivery });
    if (claim.forced) await this.#distrust(found.upload, claim);
    const { extent, digests, head } = await this.#store(found.upload, range, {
      ...delivery,
      mayWrite: () => claim.isValid(),
    });
    this.#deps.crash('receipt:after-sync');
    const now = this.#deps.clock.now();
    const command = {
      type: 'record',
      extent: { ...extent, receivedAt: now },
      lease: this.#finisher.lease(),
      ttlMs: this.#deps.limits.uploadTtlMs,
    } as const;
    const order = { id: delivery.uploadId, command, now, extentAt: range.start };
    const decision = await decideConfirmed(this.#deps.store, order, delivery.confirm);
    if (decision.kind === 'reject') throw await this.#refused(delivery.uploadId, decision.error);
    this.#deps.crash('receipt:after-commit');
    await this.#follow(decision.next, command.extent, head);
    return { upload: decision.next, extent: command.extent, duplicate: decision.writes.length === 0, digests };
  }

  /** Before anything is written: whoever had the place may go on writing there, so what is in the file counts only after a look at its end. */
  async #distrust(upload: Upload, claim: ExtentClaim): Promise<void> {
    const { store, clock, log } = this.#deps;
    try {
      await apply(store, { id: upload.id, command: { type: 'distrust-writers' }, now: clock.now() });
    } catch (error) {
      await claim.forfeit();
      throw error;
    }
    log.warn({ uploadId: upload.id }, 'a chunk was taken over from a process that seems to be gone');
  }

  async #again(
    upload: Upload,
    extent: Extent | null,
    chunk: { readonly range: Range; readonly delivery: ChunkDelivery },
  ): Promise<Receipt> {
    const explain = (current: Upload, error: unknown) => this.#explain(current, error);
    const acknowledged = await acknowledgeAgain(this.#deps, { upload, extent, ...chunk, explain });
    return { upload, duplicate: true, ...acknowledged };
  }

  async #store(upload: Upload, range: Range, delivery: ChunkDelivery & { mayWrite(): boolean }): Promise<Stored> {
    const { blobs, crash } = this.#deps;
    const length = range.end - range.start;
    const whole = length === upload.size && length <= inlineDigestBytesMax;
    const kept = whole ? keptBody(this.#deps, upload, delivery.body) : null;
    try {
      if (upload.receivedExtents === 0) await blobs.prepare(upload.id, upload.size);
      crash('receipt:before-write');
      const request = {
        uploadId: upload.id,
        offset: range.start,
        length,
        body: kept ?? (range.start === 0 ? judgedBody(this.#deps, upload, delivery.body) : delivery.body),
        digests: wantedDigests(delivery, whole),
        mayWrite: () => delivery.mayWrite(),
      };
      const written = await (delivery.take ?? ((wish) => blobs.write(wish)))(request);
      crash('receipt:after-write');
      const declared = delivery.digest ?? delivery.lateDigest?.() ?? null;
      if (declared) checkDigest(delivery.index, declared, written.digests);
      await blobs.sync(upload.id, range);
      const { crc32, digests } = written;
      const extent = { offset: range.start, length, crc32, sha256: digestBy(digests, 'sha-256') };
      return { extent, digests, head: kept?.head ?? null };
    } catch (error) {
      if (error instanceof HoldfastError && error.code === 'unsupported-type') {
        await this.#finisher.refuse(upload.id, error);
        throw error;
      }
      throw await this.#explain(upload, error);
    }
  }

  /** What of it is known here may be wrong by now; the next receipt reads it again. */
  async #explain(upload: Upload, error: unknown): Promise<unknown> {
    this.#coverage.forget(upload.id);
    return await explained(this.#deps, upload, error);
  }

  /** An upload that ended while the chunk came in was freed already: what the chunk left behind goes too. */
  async #refused(uploadId: string, error: HoldfastError): Promise<HoldfastError> {
    if (error.code === 'upload-closed' || error.code === 'upload-not-found') await this.#deps.blobs.discard(uploadId);
    return error;
  }

  async #follow(upload: Upload, extent: Extent, head: Uint8Array | null): Promise<void> {
    if (upload.phase.name === 'validating') {
      this.#coverage.forget(upload.id);
      this.#finisher.start(upload, extent.length === upload.size ? extent.sha256 : null, head);
      return;
    }
    this.#deps.blobs.hashAhead(upload.id, await this.#coverage.add(upload, extent));
  }
}

function otherGrid(grid: Geometry, given: number): HoldfastError {
  const expected = chunkCount(grid);
  return new HoldfastError(
    'invalid-request',
    `total_chunks has to be ${expected}: the file has ${grid.size} bytes in chunks of ${grid.chunkSize}; got ${given}.`,
    { details: { field: 'total_chunks', expected, chunkSize: grid.chunkSize } },
  );
}
