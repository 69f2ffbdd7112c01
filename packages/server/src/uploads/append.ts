/**
 * Bytes behind what is there: lock → bytes → sync → row → answer. Whatever arrived of a request counts, however it ended; a long body is
 * recorded in segments while the next one is written, so that a crash takes at most one. With a digest to check, all or nothing.
 */
import { appendRefusal, toldLength } from '../core/appending-rules.ts';
import { inlineDigestBytesMax } from '../core/digest.ts';
import { HoldfastError } from '../core/errors.ts';
import { assertCovers } from '../core/grant.ts';
import { chooseChunkSize, type Limits } from '../core/limits.ts';
import type { Appended, AppendRequest } from '../core/ports/blob-store.ts';
import type { UploadLock } from '../core/ports/upload-locks.ts';
import type { Extent, Upload } from '../core/upload.ts';
import {
  type AppendDelivery,
  algorithmsOf,
  checkDigest,
  checkLength,
  expectEmpty,
  isNothingNew,
  tooLarge,
  withOffset,
} from './append-checks.ts';
import { apply, decideConfirmed, notFound } from './decide.ts';
import type { UploadDependencies } from './dependencies.ts';
import type { Finisher } from './finish.ts';
import { explained } from './repair.ts';
import { SegmentRecords } from './segment-records.ts';
import { judgedFrom } from './sniffed-body.ts';
import { type Turns, takenOver } from './turns.ts';

export interface AppendReceipt {
  readonly upload: Upload;
  /** Bytes that this request added. */
  readonly appendedBytes: number;
}

const checkpointMs = 1_000;

/** What a segment adds. */
interface Addition {
  readonly offset: number;
  readonly part: Appended;
  readonly end: boolean;
  readonly fence: number;
}

/** One request, with the lock that it holds. */
interface Turn {
  readonly delivery: AppendDelivery;
  readonly lock: UploadLock;
  readonly records: SegmentRecords;
  /** Somebody wants what has arrived to be recorded; resolved when it is. */
  checkpoint: PromiseWithResolvers<void> | null;
}

export interface AppenderParts {
  readonly finisher: Finisher;
  readonly turns: Turns;
  /** Hears of partial uploads that have all their bytes. */
  wholePart(upload: Upload): void;
}

export class Appender {
  readonly #deps: UploadDependencies;
  readonly #finisher: Finisher;
  readonly #turns: Turns;
  readonly #wholePart: (upload: Upload) => void;
  /** Who holds the lock of an upload in this process. */
  readonly #turnOf = new Map<string, Turn>();
  readonly #running = new Map<AppendDelivery, Promise<unknown>>();
  #stopping = false;

  constructor(deps: UploadDependencies, parts: AppenderParts) {
    this.#deps = deps;
    this.#finisher = parts.finisher;
    this.#turns = parts.turns;
    this.#wholePart = parts.wholePart;
  }

  /** Ends the bodies that are coming in; resolves when what had arrived of them is recorded. Later ones are refused. */
  async stop(): Promise<void> {
    this.#stopping = true;
    for (const delivery of this.#running.keys()) delivery.body.interrupt(stopping());
    await Promise.allSettled(this.#running.values());
  }

  /**
   * Throws what `UploadService.append` says; what had arrived is recorded before, and `details.offset` tells where the upload goes on.
   */
  async append(delivery: AppendDelivery): Promise<AppendReceipt> {
    if (this.#stopping) throw stopping();
    const facts = { 'holdfast.upload.id': delivery.uploadId, 'holdfast.offset': delivery.offset };
    const running = this.#deps.tracing.within('receipt', facts, async (span) => {
      const receipt = await this.#append(delivery);
      span.add({ 'holdfast.bytes': receipt.appendedBytes });
      return receipt;
    });
    this.#running.set(delivery, running);
    try {
      return await running;
    } finally {
      this.#running.delete(delivery);
    }
  }

  async #append(delivery: AppendDelivery): Promise<AppendReceipt> {
    const started = this.#deps.clock.now();
    const known = await this.#owned(delivery);
    if (isNothingNew(known, delivery)) return { upload: known, appendedBytes: 0 };
    // While it is receiving, only the holder of the lock knows the offset.
    const refused = appendRefusal(known, known.phase.name === 'receiving' ? known.receivedBytes : delivery.offset);
    if (refused) throw refused;
    const lock = await this.#turns.take(delivery.uploadId, () => delivery.body.interrupt(takenOver()));
    const turn: Turn = { delivery, lock, records: new SegmentRecords(delivery.body), checkpoint: null };
    this.#turnOf.set(delivery.uploadId, turn);
    try {
      const receipt = await this.#appendLocked(turn);
      const seconds = (this.#deps.clock.now() - started) / 1000;
      this.#deps.observer.receipt({ bytes: receipt.appendedBytes, seconds, duplicate: false });
      return receipt;
    } finally {
      this.#turnOf.delete(delivery.uploadId);
      turn.checkpoint?.resolve();
      await lock.release();
    }
  }

  /**
   * Resolves once what has arrived of a body for this upload in this process is recorded, or after `checkpointMs`: so that a client that lost
   * its connection before the server noticed is told the offset at which it can really go on. Stops nobody. False: there is none.
   */
  async checkpoint(uploadId: string): Promise<boolean> {
    const turn = this.#turnOf.get(uploadId);
    // With a digest to check nothing is recorded before the end.
    if (turn === undefined || turn.delivery.digest !== null) return false;
    turn.checkpoint ??= Promise.withResolvers<void>();
    const { promise } = turn.checkpoint;
    turn.delivery.body.flush();
    let cancel = () => {};
    const late = new Promise<void>((resolve) => {
      cancel = this.#deps.clock.after(checkpointMs, resolve);
    });
    await Promise.race([promise, late]).finally(cancel);
    return true;
  }

  async #owned({ uploadId, principal, grant }: AppendDelivery): Promise<Upload> {
    assertCovers(grant, uploadId);
    const upload = await this.#deps.store.find(uploadId);
    if (!upload || upload.principal !== principal) throw notFound(uploadId);
    return upload;
  }

  async #appendLocked(turn: Turn): Promise<AppendReceipt> {
    const { delivery, lock } = turn;
    const found = await this.#owned(delivery);
    if (isNothingNew(found, delivery)) return { upload: found, appendedBytes: 0 };
    const refused = appendRefusal(found, delivery.offset);
    if (refused) throw refused;
    const told = toldLength(delivery);
    const upload = told === null || told === found.size ? found : await this.#declare(found, told);
    if (upload.phase.name !== 'receiving') {
      await expectEmpty(delivery.body);
      return { upload, appendedBytes: 0 };
    }
    const lengthMax = checkLength(upload, delivery, this.#deps.limits);
    try {
      return await this.#receive(turn, upload, lengthMax);
    } catch (error) {
      // Whoever holds the lock now has put things in order; nothing that this request sees of the file means anything any more.
      if (!lock.isValid())
        throw new HoldfastError('lease-lost', 'Another process took this upload over.', { cause: error });
      if (error instanceof HoldfastError && error.code === 'unsupported-type') {
        await this.#finisher.refuse(upload.id, error);
        throw error;
      }
      throw await explained(this.#deps, upload, tooLarge(upload, error, this.#deps.limits));
    }
  }

  async #declare(upload: Upload, size: number): Promise<Upload> {
    const chunkSize = chooseChunkSize(size, upload.chunkSize, this.#deps.limits);
    const command = { type: 'declare-length', size, chunkSize, lease: this.#finisher.lease() } as const;
    const next = await apply(this.#deps.store, { id: upload.id, command, now: this.#deps.clock.now() });
    this.#follow(next, null);
    return next;
  }

  async #receive(turn: Turn, upload: Upload, lengthMax: number): Promise<AppendReceipt> {
    const { delivery, records } = turn;
    let at = delivery.offset;
    for (;;) {
      const part = await this.#segment(turn, upload, { at, lengthMax: delivery.offset + lengthMax - at }).catch(
        async (error: unknown) => {
          await records.settled();
          throw error;
        },
      );
      if (delivery.digest !== null) checkDigest(part, delivery.digest);
      const end = part.end === 'body' && delivery.end;
      if (part.length > 0 || end) {
        const add = { offset: at, part, end, fence: upload.fence };
        await records.add(async () => {
          const next = await this.#record(delivery, add);
          delivery.recorded?.(next);
          return next;
        });
      }
      at += part.length;
      if (part.end === 'segment') continue;
      const last = (await records.settled()) ?? upload;
      if (part.end !== 'body') throw withOffset(part.end, last);
      return { upload: last, appendedBytes: at - delivery.offset };
    }
  }

  async #segment(turn: Turn, upload: Upload, { at, lengthMax }: { at: number; lengthMax: number }): Promise<Appended> {
    const { blobs, clock, crash, limits } = this.#deps;
    const { delivery, lock } = turn;
    const begun = clock.now();
    // Of a file whose length is not known, room is made as it comes; of a body whose length is, for what is left of it.
    const { declaredLength } = delivery;
    const left = declaredLength === null ? limits.segmentBytes : delivery.offset + declaredLength - at;
    const wanted = Math.min(lengthMax, Math.max(0, left));
    if (upload.size === null) await blobs.prepare(upload.id, at + wanted);
    else if (at === 0) await blobs.prepare(upload.id, upload.size);
    crash('append:before-write');
    const whole = at === 0 && declaredLength === upload.size && lengthMax <= inlineDigestBytesMax;
    const take = delivery.take ?? ((request: AppendRequest) => blobs.append(request));
    const part = await take({
      uploadId: upload.id,
      offset: at,
      lengthMax,
      isEnough: (bytes) => delivery.digest === null && isEnough(turn, bytes, clock.now() - begun, limits),
      body: await judgedFrom(this.#deps, upload, { body: delivery.body, at }),
      digests: algorithmsOf(delivery.digest, whole),
      mayWrite: () => lock.isValid(),
    });
    crash('append:after-write');
    return part;
  }

  async #record({ uploadId, confirm }: AppendDelivery, add: Addition): Promise<Upload> {
    const { store, blobs, clock, limits, crash } = this.#deps;
    const { offset, part, end, fence } = add;
    if (part.length > 0) await blobs.sync(uploadId, { start: offset, end: offset + part.length });
    crash('append:after-sync');
    const now = clock.now();
    const sha256 = part.digests.find((digest) => digest.algorithm === 'sha-256')?.value ?? null;
    const extent: Extent | null =
      part.length === 0 ? null : { offset, length: part.length, crc32: part.crc32, sha256, receivedAt: now };
    const command = {
      type: 'append',
      extent,
      end,
      fence,
      lease: this.#finisher.lease(),
      ttlMs: limits.uploadTtlMs,
    } as const;
    const decision = await decideConfirmed(store, { id: uploadId, command, now, extentAt: 'last' }, confirm);
    if (decision.kind === 'reject') throw decision.error;
    crash('append:after-commit');
    this.#follow(decision.next, extent);
    return decision.next;
  }

  #follow(upload: Upload, extent: Extent | null): void {
    if (upload.phase.name === 'validating')
      this.#finisher.start(upload, extent !== null && extent.length === upload.size ? extent.sha256 : null);
    else if (upload.concatenation.role === 'partial' && upload.receivedBytes === upload.size) this.#wholePart(upload);
    else if (upload.concatenation.role === 'none') this.#deps.blobs.hashAhead(upload.id, upload.receivedBytes);
  }
}

function stopping(): HoldfastError {
  return new HoldfastError('shutting-down', 'The server is stopping. What had arrived is kept; go on in a moment.');
}

/** Whether a segment is long enough to be recorded: by bytes, by time, or because somebody asks for it. */
function isEnough(turn: Turn, bytes: number, ms: number, limits: Limits): boolean {
  const { checkpoint } = turn;
  if (checkpoint !== null && bytes > 0) return true;
  if (checkpoint !== null) {
    // Everything that had arrived is in a segment before this one.
    turn.checkpoint = null;
    turn.records.settled().then(
      () => checkpoint.resolve(),
      () => checkpoint.resolve(),
    );
  }
  return bytes >= limits.segmentBytes || ms >= limits.segmentMs;
}
