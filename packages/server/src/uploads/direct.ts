/**
 * Chunks that clients send straight to the store: address → PUT by the client → report. A report is a receipt like any other: the server
 * reads what arrived once, under the claim of the chunk's place, and acknowledges it when bytes and row are durable. What arrived and was not
 * reported counts for nothing; there is at most one such object for each chunk.
 */
import type { Digest } from '../core/digest.ts';
import { HoldfastError } from '../core/errors.ts';
import { assertCovers } from '../core/grant.ts';
import { chunkCount, chunkRange } from '../core/grid.ts';
import type { Arrived, DirectBlobs } from '../core/ports/direct-blobs.ts';
import { foreignIntake, hasEveryByte, refusal } from '../core/receiving-rules.ts';
import type { Millis, Upload } from '../core/upload.ts';
import type { AppendReceipt } from './append.ts';
import type { AppendDelivery } from './append-checks.ts';
import type { Caller, Handle } from './caller.ts';
import { notFound } from './decide.ts';
import type { UploadDependencies } from './dependencies.ts';
import { DirectParts } from './direct-parts.ts';
import type { ChunkDelivery, Receipt } from './receive.ts';

export interface ChunkAddress {
  readonly index: number;
  /** For one PUT of just the chunk's bytes. */
  readonly url: string;
  readonly length: number;
  readonly expiresAt: Millis;
  /** Seconds until then. */
  readonly expiresIn: number;
}

export interface ArrivalReport extends Caller {
  readonly uploadId: string;
  readonly index: number;
  /** As the store answered the PUT, if the client was let see it. */
  readonly etag: string | null;
  /** Checked before the chunk is acknowledged. */
  readonly digest: Digest | null;
}

interface Place {
  readonly upload: Upload;
  readonly start: number;
  readonly end: number;
}

/** The ways that bytes of clients take otherwise. */
export interface Intakes {
  receive(delivery: ChunkDelivery): Promise<Receipt>;
  append(delivery: AppendDelivery): Promise<AppendReceipt>;
}

export class DirectUploads {
  /** For protocols that number parts and tell no sizes. */
  readonly parts: DirectParts;
  readonly #deps: UploadDependencies;
  readonly #direct: DirectBlobs;
  readonly #receive: (delivery: ChunkDelivery) => Promise<Receipt>;

  constructor(deps: UploadDependencies, direct: DirectBlobs, intake: Intakes) {
    this.#deps = deps;
    this.#direct = direct;
    this.#receive = intake.receive;
    this.parts = new DirectParts(deps, direct, intake.append);
  }

  /**
   * Addresses for chunks, also for such as are stored: what is sent there is compared. Throws `upload-not-found`, `token-scope`,
   * `invalid-request`, `invalid-chunk-index`, `wrong-protocol`, `upload-paused`, `upload-finishing`, `upload-closed`, `unavailable`.
   */
  async addresses(handle: Handle, indexes: readonly number[]): Promise<ChunkAddress[]> {
    const { addressesMax, addressMs } = this.#deps.limits;
    if (indexes.length > addressesMax)
      throw new HoldfastError('invalid-request', `At most ${addressesMax} addresses can be asked for at once.`, {
        details: { field: 'chunks', max: addressesMax },
      });
    const upload = await this.#owned(handle);
    const refused = refusal(upload);
    if (refused) throw refused;
    const now = this.#deps.clock.now();
    // It must not hold longer than what allowed it.
    const ms = Math.min(addressMs, (handle.grant?.expiresAt ?? Number.POSITIVE_INFINITY) - now);
    const seconds = Math.max(1, Math.floor(ms / 1_000));
    return await Promise.all(
      [...new Set(indexes)].map(async (index) => {
        const { start, end } = placeOf(upload, index);
        const arrival = { uploadId: upload.id, name: nameOf(index) };
        const url = await this.#direct.sendAddress(arrival, { bytes: end - start, seconds });
        return { index, url, length: end - start, expiresAt: now + seconds * 1_000, expiresIn: seconds };
      }),
    );
  }

  /**
   * Takes what arrived for a chunk. Throws `piece-missing`, `piece-mismatch`, `digest-mismatch`, `chunk-conflict` and whatever else
   * `UploadService.receiveChunk` throws.
   */
  async report(report: ArrivalReport): Promise<Receipt> {
    const { uploadId, index, etag, digest, ...caller } = report;
    const place = placeOf(await this.#owned({ id: uploadId, ...caller }), index);
    const refused = refusal(place.upload);
    if (refused && !hasEveryByte(place.upload)) throw refused;
    const arrived = await this.#direct.arrived({ uploadId, name: nameOf(index) });
    if (arrived === null) return await this.#takenBefore(report, place);
    assertAsReported(arrived, place, etag);
    try {
      const receipt = await this.#receive({
        ...caller,
        uploadId,
        index,
        digest,
        declaredLength: arrived.size,
        body: arrived.body,
        take: ({ uploadId: _same, ...request }) =>
          arrived.take({ ...request, mayRecord: () => request.mayWrite?.() !== false }),
      });
      await arrived.remove();
      return receipt;
    } finally {
      await arrived.body.abandon();
    }
  }

  /** A report that comes again because its answer was lost finds nothing any more: what was taken tells whether it was this. */
  async #takenBefore({ index, etag }: ArrivalReport, { upload, start, end }: Place): Promise<Receipt> {
    const found = await this.#deps.store.findWithExtent(upload.id, start);
    if (found?.extent && etag !== null && (await this.#direct.wasTaken(upload.id, { start, end }, etag)))
      return { upload: found.upload, extent: found.extent, duplicate: true, digests: [] };
    throw new HoldfastError(
      'piece-missing',
      `The store has nothing at the address of chunk ${index}. Send it there first, or to the server.`,
      { details: { index } },
    );
  }

  async #owned(handle: Handle): Promise<Upload> {
    assertCovers(handle.grant, handle.id);
    const upload = await this.#deps.store.find(handle.id);
    if (!upload || upload.principal !== handle.principal) throw notFound(handle.id);
    const foreign = foreignIntake(upload, 'grid');
    if (foreign) throw foreign;
    return upload;
  }
}

/** One object at most waits for each chunk. */
function nameOf(index: number): string {
  return `chunk-${index}`;
}

function placeOf(upload: Upload, index: number): Place {
  const grid = { size: upload.size ?? 0, chunkSize: upload.chunkSize };
  const range = chunkRange(grid, index);
  if (range !== null) return { upload, ...range };
  const total = chunkCount(grid);
  const words =
    total === 0 ? 'The file is empty; it has no chunks.' : `The upload has chunks 0 to ${total - 1}, not ${index}.`;
  throw new HoldfastError('invalid-chunk-index', words, { details: { index, totalChunks: total } });
}

function assertAsReported(arrived: Arrived, { start, end }: Place, etag: string | null): void {
  const expected = end - start;
  if (arrived.size !== expected)
    throw new HoldfastError(
      'piece-mismatch',
      `The store has ${arrived.size} bytes at the address, the chunk has ${expected}. Send it again.`,
      { details: { expected, found: arrived.size } },
    );
  if (etag !== null && etag !== arrived.etag)
    throw new HoldfastError(
      'piece-mismatch',
      'The store has something else at the address than reported: another ETag. Send the chunk again.',
      { details: { etag, found: arrived.etag } },
    );
}
