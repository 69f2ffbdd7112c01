/** The hot path: bodies of requests into pieces, with memory from one budget for the whole process. */
import { HoldfastError } from '../../core/errors.ts';
import type { Appended, AppendRequest, WriteRequest, Written } from '../../core/ports/blob-store.ts';
import type { BodyBatch } from '../../core/ports/body-source.ts';
import { RunningDigests } from '../disk/running-digests.ts';
import { headOf, PieceWriter, type Place, type WriterParts } from './piece-writer.ts';
import type { Hashing } from './running-hashes.ts';
import { s3Error } from './s3-errors.ts';
import { Slabs, slabBytes } from './slab-pool.ts';

/**
 * A chunk of known length. Up to `pieceBytes` it is collected, as long as there is room at once; a longer one, or one without room, is sent
 * as it comes. Exactly `length` bytes or nothing counts.
 */
export async function receiveChunk(parts: WriterParts, request: WriteRequest): Promise<Written> {
  const head = await headOf(parts, request.uploadId);
  const mayRecord = () => request.mayWrite?.() !== false;
  const chunk = new Chunk(parts, request, { uploadId: request.uploadId, offset: request.offset, head, mayRecord });
  try {
    return await chunk.receive();
  } catch (error) {
    throw s3Error('storing a chunk', error);
  } finally {
    chunk.end();
  }
}

class Chunk {
  readonly #parts: WriterParts;
  readonly #request: WriteRequest;
  readonly #place: Place;
  readonly #slabs: Slabs;
  readonly #digests: RunningDigests;
  readonly #sha256: Hashing | null;
  /** What there was no room for, of one batch. */
  readonly #spilled: Uint8Array[] = [];
  #received = 0;

  constructor(parts: WriterParts, request: WriteRequest, place: Place) {
    this.#parts = parts;
    this.#request = request;
    this.#place = place;
    this.#slabs = new Slabs(parts.slabs);
    this.#digests = new RunningDigests(request.digests);
    this.#sha256 = parts.hashes.from(request.uploadId, request.offset, place.head);
  }

  async receive(): Promise<Written> {
    const { length } = this.#request;
    const writer = new PieceWriter(this.#parts);
    // Sending as it comes takes room of the budget too, for what is under way.
    await this.#slabs.grow();
    const how = length <= this.#parts.sizes.pieceBytes ? await this.#collect() : 'stream';
    if (how === 'stream') await writer.stream(this.#place, length, this.#passing(), this.#sha256);
    else if (length > 0) await writer.store(this.#place, this.#slabs, this.#sha256);
    return { crc32: this.#digests.crc32, digests: this.#digests.end() };
  }

  end(): void {
    this.#slabs.give();
  }

  async #collect(): Promise<'collected' | 'stream'> {
    for (;;) {
      // Room for a whole batch, or the rest is sent as it comes; a small one is collected all the same.
      if (!this.#hasRoom() && this.#slabs.bytes > 0) return 'stream';
      const batch = await this.#next();
      if (batch === null) return 'collected';
      try {
        for (const buffer of batch.buffers) {
          this.#pass(buffer);
          this.#keep(buffer);
        }
      } finally {
        batch.release();
      }
      if (this.#spilled.length > 0) return 'stream';
    }
  }

  #hasRoom(): boolean {
    const left = this.#request.length - this.#received;
    return left <= 0 || !this.#slabs.isFull || this.#slabs.tryGrow();
  }

  #keep(buffer: Uint8Array): void {
    let rest = buffer;
    while (rest.byteLength > 0 && this.#spilled.length === 0) {
      if (this.#slabs.isFull && !this.#slabs.tryGrow()) break;
      rest = rest.subarray(this.#slabs.add(rest));
    }
    if (rest.byteLength > 0) this.#spilled.push(Buffer.from(rest));
  }

  /** What was collected, then the body. */
  async *#passing(): AsyncGenerator<Uint8Array> {
    for (const slab of this.#slabs.buffers()) yield slab;
    for (const bytes of this.#spilled.splice(0)) yield bytes;
    for (let batch = await this.#next(); batch !== null; batch = await this.#next()) {
      const copy = Buffer.concat(batch.buffers, batch.bytes);
      batch.release();
      this.#pass(copy);
      yield copy;
    }
  }

  #pass(bytes: Uint8Array): void {
    this.#digests.update(bytes);
    this.#sha256?.update(bytes);
  }

  /** Counted and checked against the length; null at the end of a body that has it. */
  async #next(): Promise<BodyBatch | null> {
    const { body, length } = this.#request;
    const batch = await body.next();
    if (batch === null) {
      if (this.#received === length) return null;
      throw new HoldfastError('body-too-short', 'The body ended before all declared bytes arrived', {
        details: { expected: length, received: this.#received },
      });
    }
    if (this.#received + batch.bytes > length) {
      batch.release();
      throw new HoldfastError('body-too-long', 'More bytes were sent than declared', { details: { expected: length } });
    }
    this.#received += batch.bytes;
    return batch;
  }
}

/** As `BlobStore.append`: pieces as they fill, one being stored while the next is collected. */
export async function receiveAppended(parts: WriterParts, request: AppendRequest): Promise<Appended> {
  const head = await headOf(parts, request.uploadId);
  const segment = new Segment(parts, request, { uploadId: request.uploadId, offset: request.offset, head });
  let end: Appended['end'];
  try {
    end = await segment.receive();
  } catch (error) {
    const reason = s3Error('storing appended bytes', error);
    const counts = reason instanceof HoldfastError && reason.code !== 'body-too-long';
    if (!counts) {
      await segment.drop();
      throw reason;
    }
    end = reason;
  }
  return await segment.written(end);
}

interface Stored {
  readonly length: number;
  readonly crc32: number;
}

class Segment {
  readonly #parts: WriterParts;
  readonly #request: AppendRequest;
  readonly #writer: PieceWriter;
  readonly #digests: RunningDigests;
  #head: Place['head'];
  #slabs: Slabs;
  #sha256: Hashing | null;
  #received = 0;
  #stored: Stored = { length: 0, crc32: 0 };
  #storing: Promise<void> = Promise.resolve();
  #failure: HoldfastError | null = null;

  constructor(parts: WriterParts, request: AppendRequest, place: Place) {
    this.#parts = parts;
    this.#request = request;
    this.#head = place.head;
    this.#writer = new PieceWriter(parts);
    this.#digests = new RunningDigests(request.digests);
    this.#slabs = new Slabs(parts.slabs);
    this.#sha256 = parts.hashes.from(request.uploadId, request.offset, place.head);
  }

  async receive(): Promise<'segment' | 'body'> {
    const { body, offset, lengthMax } = this.#request;
    for (;;) {
      if (this.#failure !== null) throw this.#failure;
      if (this.#request.isEnough(this.#received) && this.#received > 0) return 'segment';
      const batch = await body.next();
      if (batch === null) return 'body';
      if (this.#received + batch.bytes > lengthMax) {
        batch.release();
        throw new HoldfastError('body-too-long', 'More bytes were sent than the upload has', {
          details: { lengthMax, offset },
        });
      }
      try {
        for (const buffer of batch.buffers) await this.#take(buffer);
      } finally {
        batch.release();
      }
    }
  }

  /** What is stored, after everything that was received has been tried. A failure of the store outweighs how the body ended. */
  async written(end: Appended['end']): Promise<Appended> {
    if (this.#failure === null) await this.#flush();
    await this.#storing;
    this.#slabs.give();
    const { length, crc32 } = this.#stored;
    const whole = length === this.#received && this.#failure === null;
    return { length, crc32, digests: whole ? this.#digests.end() : [], end: this.#failure ?? end };
  }

  async drop(): Promise<void> {
    await this.#storing;
    this.#slabs.give();
  }

  async #take(buffer: Uint8Array): Promise<void> {
    for (let rest = buffer; rest.byteLength > 0; ) {
      if (this.#slabs.isFull) await this.#room();
      const room = slabBytes - (this.#slabs.bytes % slabBytes);
      const bytes = rest.subarray(0, room);
      this.#digests.update(bytes);
      this.#sha256?.update(bytes);
      this.#slabs.add(bytes);
      this.#received += bytes.byteLength;
      rest = rest.subarray(bytes.byteLength);
    }
  }

  async #room(): Promise<void> {
    const enough = this.#slabs.bytes >= this.#parts.sizes.pieceBytes / 2;
    if (this.#slabs.bytes > 0 && (enough || !this.#slabs.tryGrow())) await this.#flush();
    if (this.#failure !== null) throw this.#failure;
    if (!this.#slabs.isFull) return;
    // The piece before this one holds room; waiting for more while it is stored could lock up with others that do the same.
    if (this.#slabs.tryGrow()) return;
    await this.#storing;
    await this.#slabs.grow();
  }

  /** Begins storing what is collected, once the piece before is stored. */
  async #flush(): Promise<void> {
    await this.#storing;
    if (this.#failure !== null || this.#slabs.bytes === 0) return;
    const [slabs, sha256] = [this.#slabs, this.#sha256];
    const next = { length: this.#received, crc32: this.#digests.crc32 };
    const place = {
      uploadId: this.#request.uploadId,
      offset: this.#request.offset + this.#stored.length,
      head: this.#head,
    };
    this.#slabs = new Slabs(this.#parts.slabs);
    this.#sha256 = sha256 === null ? null : sha256.copy();
    this.#storing = this.#store(place, { slabs, sha256 }, next);
  }

  async #store(
    place: Place,
    { slabs, sha256 }: { readonly slabs: Slabs; readonly sha256: Hashing | null },
    next: Stored,
  ): Promise<void> {
    try {
      if (!this.#request.mayWrite()) throw new HoldfastError('lease-lost', 'The right to write ended meanwhile');
      await this.#writer.store(place, slabs, sha256, () => this.#request.mayWrite());
      this.#stored = next;
    } catch (error) {
      const reason = s3Error('storing appended bytes', error);
      this.#failure =
        reason instanceof HoldfastError ? reason : new HoldfastError('internal', 'Storing failed.', { cause: reason });
    } finally {
      slabs.give();
    }
  }
}
