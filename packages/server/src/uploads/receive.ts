/**
 * One chunk: place → bytes → sync → row → answer, always in this order. Nothing is acknowledged before the row is durable, and
 * no byte that was acknowledged is written over: a second body for a stored chunk is only compared with it.
 */
import { LRUCache } from 'lru-cache';
import { HoldfastError } from '../core/errors.ts';
import type { Range } from '../core/extents.ts';
import { assertCovers } from '../core/grant.ts';
import { chunkCount, chunkRange } from '../core/grid.ts';
import { isRestricted, readsAsText, typeRefusal } from '../core/media-type.ts';
import type { BodySource } from '../core/ports/body-source.ts';
import { refusal } from '../core/receiving-rules.ts';
import type { Extent, Sha256, Upload } from '../core/upload.ts';
import type { Caller } from './caller.ts';
import { Coverage } from './coverage.ts';
import { decideConfirmed, notFound } from './decide.ts';
import type { UploadDependencies } from './dependencies.ts';
import type { Finisher } from './finish.ts';
import { dropDamaged } from './repair.ts';
import { SniffedBody } from './sniffed-body.ts';

export interface ChunkDelivery extends Caller {
  readonly uploadId: string;
  /** 0-based. */
  readonly index: number;
  /** Bytes as declared by the request; null when it did not say. */
  readonly declaredLength: number | null;
  /** SHA-256 of the chunk, to be checked before it is acknowledged. */
  readonly sha256: Sha256 | null;
  readonly body: BodySource;
}

export interface Receipt {
  readonly upload: Upload;
  readonly extent: Extent;
  /** The same bytes were stored already. */
  readonly duplicate: boolean;
}

/** A whole file of at most this many bytes is hashed while it is received: cheaper than reading it again. */
const inlineDigestBytesMax = 256 * 1024;
const geometriesMax = 10_000;

/** Facts of an upload that never change. */
interface Geometry {
  readonly principal: string;
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
   * Throws `upload-not-found`, `token-scope`, `unauthenticated`, `token-expired`, `invalid-chunk-index`, `invalid-size`, `body-*`, `digest-mismatch`, `chunk-conflict`, `chunk-busy`,
   * `upload-paused`, `upload-finishing`, `upload-closed`, `insufficient-storage`, `unavailable`.
   */
  async receive(delivery: ChunkDelivery): Promise<Receipt> {
    const started = this.#deps.clock.now();
    const range = await this.#place(delivery);
    const release = await this.#deps.claims.acquire(delivery.uploadId, range.start, this.#deps.limits.chunkWaitMs);
    if (!release)
      throw new HoldfastError('chunk-busy', `Another request is sending chunk ${delivery.index} right now.`, {
        details: { index: delivery.index },
      });
    try {
      const receipt = await this.#receiveAt(delivery, range);
      const seconds = (this.#deps.clock.now() - started) / 1000;
      this.#deps.observer.receipt({ bytes: receipt.extent.length, seconds, duplicate: receipt.duplicate });
      return receipt;
    } finally {
      await release();
    }
  }

  forget(uploadId: string): void {
    this.#coverage.forget(uploadId);
  }

  /** Where the chunk belongs, after the checks that need no body. */
  async #place(delivery: ChunkDelivery): Promise<Range> {
    assertCovers(delivery.grant, delivery.uploadId);
    const grid = this.#geometries.get(delivery.uploadId) ?? (await this.#geometry(delivery.uploadId));
    if (grid.principal !== delivery.principal) throw notFound(delivery.uploadId);
    const range = chunkRange(grid, delivery.index);
    if (!range) {
      throw new HoldfastError(
        'invalid-chunk-index',
        `The upload has chunks 0 to ${chunkCount(grid) - 1}; there is no chunk ${delivery.index}.`,
        {
          details: { index: delivery.index, totalChunks: chunkCount(grid) },
        },
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

  async #geometry(uploadId: string): Promise<Geometry> {
    const upload = await this.#deps.store.find(uploadId);
    if (!upload || upload.size === null) throw notFound(uploadId);
    const geometry = { principal: upload.principal, size: upload.size, chunkSize: upload.chunkSize };
    this.#geometries.set(uploadId, geometry);
    return geometry;
  }

  /** As the only writer of the range. */
  async #receiveAt(delivery: ChunkDelivery, range: Range): Promise<Receipt> {
    const found = await this.#deps.store.findWithExtent(delivery.uploadId, range.start);
    if (!found) throw notFound(delivery.uploadId);
    const refused = refusal(found.upload);
    if (refused) throw refused;
    if (found.extent) return await this.#again(found.upload, found.extent, delivery);
    const extent = await this.#store(found.upload, range, delivery);
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
    await this.#follow(decision.next, command.extent);
    return { upload: decision.next, extent: command.extent, duplicate: decision.writes.length === 0 };
  }

  /** The same bytes are acknowledged again, others refused; neither is written. */
  async #again(upload: Upload, extent: Extent, delivery: ChunkDelivery): Promise<Receipt> {
    const range = { start: extent.offset, end: extent.offset + extent.length };
    const same = await this.#deps.blobs.matches(upload.id, range, delivery.body).catch(async (error: unknown) => {
      throw await this.#explain(upload, error);
    });
    if (same) return { upload, extent, duplicate: true };
    throw new HoldfastError(
      'chunk-conflict',
      `Chunk ${delivery.index} is already stored with other bytes; the stored ones are kept. If the file has changed, start a new upload.`,
      {
        details: { index: delivery.index, offset: extent.offset },
      },
    );
  }

  async #store(upload: Upload, range: Range, delivery: ChunkDelivery): Promise<Omit<Extent, 'receivedAt'>> {
    const { blobs, crash } = this.#deps;
    const length = range.end - range.start;
    const whole = length === upload.size && length <= inlineDigestBytesMax;
    try {
      if (upload.receivedExtents === 0) await blobs.prepare(upload.id, upload.size);
      crash('receipt:before-write');
      const request = {
        uploadId: upload.id,
        offset: range.start,
        length,
        body: this.#watched(upload, range, delivery.body),
        sha256: delivery.sha256 !== null || whole,
      };
      const written = await blobs.write(request);
      crash('receipt:after-write');
      if (delivery.sha256 !== null && written.sha256 !== delivery.sha256) {
        throw new HoldfastError(
          'digest-mismatch',
          `Chunk ${delivery.index} arrived with SHA-256 ${written.sha256}, not ${delivery.sha256} as declared. Send it again.`,
          {
            details: { index: delivery.index, expected: delivery.sha256, actual: written.sha256 },
          },
        );
      }
      await blobs.sync(upload.id);
      return { offset: range.start, length, crc32c: written.crc32c, sha256: written.sha256 };
    } catch (error) {
      if (error instanceof HoldfastError && error.code === 'unsupported-type') {
        await this.#finisher.refuse(upload.id, error);
        throw error;
      }
      throw await this.#explain(upload, error);
    }
  }

  /** The body; where types are restricted and the file begins, one that ends when its first bytes are of another type. */
  #watched(upload: Upload, range: Range, body: BodySource): BodySource {
    const { allowedTypes, sniffType } = this.#deps;
    const allowed = [allowedTypes, upload.allowedTypes];
    if (range.start > 0 || !isRestricted(allowed)) return body;
    return new SniffedBody(body, async (head) => {
      const type = await sniffType(head);
      const found = type === null ? (readsAsText(head) ? 'text' : 'unknown') : { type };
      return typeRefusal(upload.contentType, found, allowed);
    });
  }

  /** What went wrong may have its reason in the upload: it was cancelled meanwhile, or somebody removed its file. */
  async #explain(upload: Upload, error: unknown): Promise<unknown> {
    const damaged = error instanceof HoldfastError && error.code === 'storage-damaged';
    const current = await this.#deps.store.find(upload.id);
    const refused = current ? refusal(current) : notFound(upload.id);
    const ended = refused?.code === 'upload-closed' || refused?.code === 'upload-not-found';
    if (refused && (damaged || ended)) return await this.#refused(upload.id, refused);
    if (!damaged) return error;
    this.#coverage.forget(upload.id);
    await this.#deps.blobs.discard(upload.id);
    const dropped = await dropDamaged(this.#deps, upload.id, 'stored bytes are gone');
    return new HoldfastError(
      'unavailable',
      `Storage lost ${dropped} bytes of this upload. Ask for its status and send what is missing again.`,
      { cause: error },
    );
  }

  /** An upload that ended while the chunk came in was freed already: what the chunk left behind goes too. */
  async #refused(uploadId: string, error: HoldfastError): Promise<HoldfastError> {
    if (error.code === 'upload-closed' || error.code === 'upload-not-found') await this.#deps.blobs.discard(uploadId);
    return error;
  }

  async #follow(upload: Upload, extent: Extent): Promise<void> {
    if (upload.phase.name === 'validating') {
      this.#coverage.forget(upload.id);
      this.#finisher.start(upload, extent.length === upload.size ? extent.sha256 : null);
      return;
    }
    this.#deps.blobs.hashAhead(upload.id, await this.#coverage.add(upload, extent));
  }
}
