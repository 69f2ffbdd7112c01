/** Bytes of a request on their way to be a piece: into the database, collected in memory and sent, or sent as they come. */
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { HoldfastError } from '../../core/errors.ts';
import type { InlinePiece, MapHead, Piece } from '../../core/ports/part-map.ts';
import type { Md5Threads } from './md5-threads.ts';
import type { PieceSources } from './piece-reader.ts';
import { type Content, contentOf } from './requests.ts';
import type { Hashing, RunningHashes } from './running-hashes.ts';
import { s3Translated } from './s3-errors.ts';
import type { PieceSizes } from './sizes.ts';
import type { SlabPool, Slabs } from './slab-pool.ts';

export interface WriterParts extends PieceSources {
  readonly sizes: PieceSizes;
  readonly slabs: SlabPool;
  readonly hashes: RunningHashes;
  readonly md5: Md5Threads;
  /** Hears that the database keeps many bytes of an upload. */
  crowded(uploadId: string, head: MapHead): Promise<void>;
  /** Lets go of objects that no piece names. */
  tidy(uploadId: string): Promise<void>;
}

/** Where a write stands: the upload as its head was when it began. */
export interface Place {
  readonly uploadId: string;
  readonly offset: number;
  readonly head: MapHead;
  /** Asked before the bytes count, when it is about a chunk. */
  mayRecord?(): boolean;
}

/** The head of the upload's map. Rejects with `storage-damaged` when there is none. */
export async function headOf(parts: Pick<WriterParts, 'map'>, uploadId: string): Promise<MapHead> {
  const head = await parts.map.find(uploadId);
  if (head === null) throw new HoldfastError('storage-damaged', 'The store has nothing of this upload.');
  return head;
}

export class PieceWriter {
  readonly #parts: WriterParts;

  constructor(parts: WriterParts) {
    this.#parts = parts;
  }

  /**
   * Makes collected bytes a piece. `sha256` has them, and all before them; without it they may be kept in the memory of the slabs until what is
   * before them has come. `mayRecord` is asked before they count.
   */
  async store(
    place: Place,
    slabs: Slabs,
    sha256: Hashing | null,
    mayRecord: () => boolean = () => true,
  ): Promise<void> {
    const { sizes, hashes, md5 } = this.#parts;
    const { bytes } = slabs;
    const small = bytes <= sizes.inlineBytesMax && place.head.inlineBytes < 2 * sizes.inlineTotalMax;
    if (small) {
      const piece = { start: place.offset, bytes: Buffer.concat(slabs.buffers()) };
      await this.record(place, piece, { sha256, mayRecord });
      return;
    }
    const name = this.#parts.keys.newPiece(place.uploadId);
    const content = contentOf(slabs.buffers(), await md5.of(slabs.buffers()));
    const etag = await this.#send(name, content);
    const range = { start: place.offset, end: place.offset + bytes };
    const piece = { ...range, object: { name, at: 0, size: bytes, etag } };
    const { rewrites } = await this.record(place, piece, { sha256, mayRecord });
    if (sha256 === null) hashes.kept.keep(place.uploadId, { range, rewrites }, slabs);
  }

  /**
   * Sends bytes as they come, `length` of them: what was collected already, then the rest. They cannot be sent a second time. The
   * generator's failure is the sender's and passes unchanged.
   */
  async stream(place: Place, length: number, body: AsyncGenerator<Uint8Array>, sha256: Hashing | null): Promise<void> {
    const { bucket, keys } = this.#parts;
    const name = keys.newPiece(place.uploadId);
    const abort = new AbortController();
    let failure: { readonly error: unknown } | null = null;
    let md5: string | null = null;
    const passing = async function* (): AsyncGenerator<Uint8Array> {
      try {
        const passed = createHash('md5');
        for await (const bytes of body) {
          passed.update(bytes);
          yield bytes;
        }
        md5 = passed.digest('hex');
      } catch (error) {
        failure = { error };
        abort.abort();
      }
    };
    const source = passing();
    let taken = false;
    const content = {
      length,
      body: () => {
        if (taken) return null;
        taken = true;
        return Readable.from(source, { objectMode: false });
      },
      md5: () => md5,
      md5Ahead: null,
      signal: abort.signal,
    };
    try {
      const etag = await this.#send(name, content);
      if (failure !== null) await bucket.remove(keys.piece(name)).catch(() => {});
      if (failure !== null) throw new HoldfastError('unavailable', 'The chunk was not stored.');
      const range = { start: place.offset, end: place.offset + length };
      await this.record(place, { ...range, object: { name, at: 0, size: length, etag } }, { sha256 });
    } catch (error) {
      throw failure === null ? error : (failure as { error: unknown }).error;
    } finally {
      // Nothing of the body is read any more when this settles.
      await source.return(undefined);
    }
  }

  async #send(name: string, content: Content): Promise<string> {
    const { bucket, keys } = this.#parts;
    return await s3Translated('storing a chunk', () =>
      bucket.put(keys.piece(name), content).catch(async (error: unknown) => {
        // Stored, but not what was sent: nobody will ever name it.
        if (error instanceof HoldfastError) await bucket.remove(keys.piece(name)).catch(() => {});
        throw error;
      }),
    );
  }

  /** The row that makes the bytes count; the head with it. Rejects with `storage-damaged` and `lease-lost`, and then nothing is left of them. */
  async record(
    place: Place,
    piece: Piece | InlinePiece,
    how: { readonly sha256: Hashing | null; readonly mayRecord?: () => boolean },
  ): Promise<MapHead> {
    const { map, bucket, keys, hashes: running } = this.#parts;
    const may = how.mayRecord?.() !== false && place.mayRecord?.() !== false;
    const recorded = may ? await map.record(place.uploadId, place.head.epoch, piece) : { kind: 'fenced' as const };
    if (recorded.kind !== 'recorded') {
      // Nothing names the object; where removing it fails, clean-up by age finds it.
      if ('object' in piece && piece.object) await bucket.remove(keys.piece(piece.object.name)).catch(() => {});
      if (recorded.kind === 'fenced')
        throw new HoldfastError('lease-lost', 'Another process took this upload over while the bytes came in.');
      throw new HoldfastError('storage-damaged', 'The store has nothing of this upload any more.');
    }
    const { rewrites, inlineBytes } = recorded.head;
    const end = 'bytes' in piece ? piece.start + piece.bytes.byteLength : piece.end;
    if (rewrites !== place.head.rewrites) await this.#parts.tidy(place.uploadId);
    else if (how.sha256 !== null) running.keep(place.uploadId, { hash: how.sha256, upTo: end, rewrites });
    if (inlineBytes >= this.#parts.sizes.inlineTotalMax) await this.#parts.crowded(place.uploadId, recorded.head);
    return recorded.head;
  }
}
