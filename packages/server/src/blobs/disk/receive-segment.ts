/** The hot path of appended bytes: a request's body behind what is there, as far as it comes. */
import { HoldfastError } from '../../core/errors.ts';
import type { Appended, AppendRequest } from '../../core/ports/blob-store.ts';
import { storeError } from './io-errors.ts';
import { batchesInFlightMax, byteLength, type WriteTarget, writeAll } from './receive.ts';
import { RunningDigests } from './running-digests.ts';

interface Running {
  readonly write: Promise<void>;
  /** What is written once this and every earlier write is. */
  readonly length: number;
  readonly crc32: number;
}

/** As `BlobStore.append`. When this settles no write is under way and every batch was released. */
export async function receiveSegment(to: WriteTarget, request: AppendRequest): Promise<Appended> {
  const { file } = to;
  await file.refresh();
  const segment = new Segment(to, request);
  try {
    await file.use((fd) => file.facts(fd));
    const end = await segment.receive();
    return await segment.written(end);
  } catch (error) {
    await segment.settle();
    const reason = storeError('appending to an upload', error);
    if (!(reason instanceof HoldfastError) || reason.code === 'body-too-long' || reason.code === 'storage-damaged')
      throw reason;
    return await segment.written(reason);
  }
}

class Segment {
  readonly #target: WriteTarget & { readonly mayWrite: () => boolean };
  readonly #request: AppendRequest;
  readonly #failuresBefore: number;
  readonly #digests: RunningDigests;
  readonly #running: Running[] = [];
  #received = 0;
  #settled = { length: 0, crc32: 0 };

  constructor(target: WriteTarget, request: AppendRequest) {
    this.#target = { ...target, mayWrite: () => request.mayWrite() };
    this.#request = request;
    this.#failuresBefore = target.file.failures;
    this.#digests = new RunningDigests(request.digests);
  }

  async receive(): Promise<'segment' | 'body'> {
    const { body, offset, lengthMax } = this.#request;
    for (;;) {
      if (this.#request.isEnough(this.#received) && this.#received > 0) return 'segment';
      if (this.#running.length === batchesInFlightMax) await this.#next();
      const batch = await body.next();
      if (batch === null) return 'body';
      const bytes = byteLength(batch.buffers);
      if (bytes === 0 || this.#received + bytes > lengthMax) {
        batch.release();
        if (bytes === 0) continue;
        throw new HoldfastError('body-too-long', 'More bytes were sent than the upload has', {
          details: { lengthMax, offset },
        });
      }
      const write = writeAll(this.#target, batch.buffers, offset + this.#received).finally(() => batch.release());
      // Its failure is seen where it is awaited; until then it must not count as unhandled.
      write.catch(() => {});
      this.#received += bytes;
      for (const buffer of batch.buffers) this.#digests.update(buffer);
      this.#running.push({ write, length: this.#received, crc32: this.#digests.crc32 });
    }
  }

  /** What has been written, after all writes. One that failed ends it; a failed write of the disk outweighs the body's end. */
  async written(end: Appended['end']): Promise<Appended> {
    while (this.#running.length > 0) await this.#next();
    const { length, crc32 } = this.#settled;
    const { offset } = this.#request;
    if (length > 0) this.#target.file.written({ start: offset, end: offset + length }, this.#failuresBefore);
    return { length, crc32, digests: length === this.#received ? this.#digests.end() : [], end };
  }

  /** After a failure: waits for the writes that run, and counts those before the first one that failed. */
  async settle(): Promise<void> {
    const results = await Promise.allSettled(this.#running.map(({ write }) => write));
    const failed = results.findIndex(({ status }) => status === 'rejected');
    this.#running.length = failed === -1 ? this.#running.length : failed;
  }

  async #next(): Promise<void> {
    const [next] = this.#running;
    if (next === undefined) return;
    await next.write;
    this.#running.shift();
    this.#settled = { length: next.length, crc32: next.crc32 };
  }
}
