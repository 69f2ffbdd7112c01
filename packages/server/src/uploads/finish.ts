/**
 * From the last receipt to the asset: digest → compare → place → publish. Every step can be done again after a crash; the lease
 * keeps two nodes from doing it at once, the fence keeps a late one from having an effect.
 */
import type { Digest, DigestAlgorithm } from '../core/digest.ts';
import { HoldfastError } from '../core/errors.ts';
import type { Decision } from '../core/ports/upload-store.ts';
import { transition } from '../core/transition.ts';
import type { Sha256, Upload } from '../core/upload.ts';
import { acknowledgedDigest } from './acknowledged.ts';
import { turnLost } from './content-turns.ts';
import { apply, decideOn } from './decide.ts';
import type { UploadDependencies } from './dependencies.ts';
import { distrustLost } from './failed-syncs.ts';
import { freeParts, joinParts } from './join-parts.ts';
import { dropDamaged, dropImpostor, wholeDigest } from './repair.ts';
import { headBytes } from './sniffed-body.ts';

export class Finisher {
  readonly #deps: UploadDependencies;
  readonly #running = new Map<string, Promise<void>>();
  /** Bytes of those at work whose digest is being taken. */
  readonly #hashedBytes = new Map<string, number>();
  readonly #ended: (upload: Upload) => void;

  constructor(deps: UploadDependencies, ended: (upload: Upload) => void) {
    this.#deps = deps;
    this.#ended = ended;
  }

  lease(): { holder: string; until: number } {
    return { holder: this.#deps.holder, until: this.#deps.clock.now() + this.#deps.limits.finishLeaseMs };
  }

  /**
   * Finishes an upload whose lease this node holds, in the background. `known` is the digest of the whole if a receipt had it for free, `head`
   * its first bytes (`headBytes`, or all of a smaller file).
   */
  start(upload: Upload, known: Sha256 | null, head: Uint8Array | null = null): void {
    if (this.#running.has(upload.id)) return;
    const facts = { 'holdfast.upload.id': upload.id, 'holdfast.bytes': upload.size ?? 0 };
    const sound = upload.doubt === 'none';
    const work = this.#deps.tracing
      .within('completion', facts, () => this.#finish(upload, sound ? known : null, sound ? head : null))
      .catch((error: unknown) => this.#stopped(upload.id, error))
      .finally(() => this.#running.delete(upload.id));
    this.#running.set(upload.id, work);
  }

  /** How many bytes, from the start, are in the digest by now; null when this node is not at it. */
  hashedBytes(uploadId: string): number | null {
    return this.#hashedBytes.get(uploadId) ?? null;
  }

  /** Ends an upload whose first bytes prove that it is of a type that is not taken. One that ended meanwhile stays as it is. */
  async refuse(uploadId: string, error: HoldfastError): Promise<void> {
    const { store, blobs, clock } = this.#deps;
    const command = { type: 'refuse', code: 'unsupported-type', reason: error.message } as const;
    const decision = await decideOn(store, { id: uploadId, command, now: clock.now() });
    await blobs.discard(uploadId);
    if (decision.kind === 'reject') return;
    await store.released(uploadId);
    this.#ended(decision.next);
  }

  /** Takes over an upload that its holder left behind. */
  async takeOver(upload: Upload, previousHolder?: string): Promise<void> {
    if (this.#running.has(upload.id)) return;
    const command = {
      type: 'claim',
      lease: this.lease(),
      ...(previousHolder === undefined ? {} : { previousHolder }),
    } as const;
    const decision = await decideOn(this.#deps.store, { id: upload.id, command, now: this.#deps.clock.now() });
    if (decision.kind === 'accept') this.start(decision.next, null);
  }

  /** Whether this node is at it. */
  isFinishing(uploadId: string): boolean {
    return this.#running.has(uploadId);
  }

  /** Resolves when nothing is being finished any more. */
  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running.values());
  }

  async #finish(upload: Upload, known: Sha256 | null, head: Uint8Array | null): Promise<void> {
    const renewal = this.#renew(upload);
    let doubted: Upload | null = null;
    try {
      const assembling = await this.#verify(upload, known ?? (await this.#recordedDigest(upload)));
      const { phase } = assembling?.upload ?? upload;
      if (assembling && phase.name === 'assembling')
        await this.#deps.contents.within(phase.digest, (mayAct) =>
          this.#place(assembling.upload, { committed: assembling.committed, head, mayAct }),
        );
    } catch (error) {
      doubted = await distrustLost(this.#deps, upload);
      if (doubted === null) throw error;
      this.#deps.log.warn(
        { uploadId: upload.id, err: error },
        'the disk failed to sync; the bytes are copied and verified',
      );
    } finally {
      renewal();
    }
    if (doubted) await this.#finish(doubted, null, null);
  }

  /** Never rejects. */
  async #stopped(uploadId: string, error: unknown): Promise<void> {
    const { store, blobs, log } = this.#deps;
    const lost = error instanceof HoldfastError && error.code === 'lease-lost';
    const fields = { uploadId, err: error };
    if (!lost) return log.error(fields, 'finishing failed; it is taken up again when the lease ends');
    log.info(fields, 'another holder finishes the upload, or it was cancelled');
    try {
      // Who ended it has freed, or put away, what was there at that time.
      const phase = (await store.find(uploadId))?.phase.name;
      if (phase === 'cancelled' || phase === 'completed') await blobs.discard(uploadId);
    } catch (err) {
      log.warn({ uploadId, err }, 'bytes of an upload that has ended may be left; `holdfast verify` finds them');
    }
  }

  /**
   * What a receipt knew, for an upload that is taken over. Its bytes may be others by now: the machine went down before they were synced. Those
   * must not take the place of an asset that has them.
   */
  async #recordedDigest(upload: Upload): Promise<Sha256 | null> {
    if (upload.phase.name !== 'validating' || upload.receivedExtents !== 1 || upload.doubt !== 'none') return null;
    const { store, blobs } = this.#deps;
    const extents = await store.extents(upload.id);
    const digest = wholeDigest(upload, extents);
    if (digest === null) return null;
    const size = sizeOf(upload);
    if ((await blobs.checksum(upload.id, { start: 0, end: size })) === extents[0]?.crc32) return digest;
    if ((await blobs.assetSize(digest)) !== size) return null;
    await blobs.discard(upload.id);
    return digest;
  }

  /** The upload with its digest established, or null when it ended or went back to receiving. */
  async #verify(upload: Upload, known: Sha256 | null): Promise<{ upload: Upload; committed: boolean } | null> {
    const { store, blobs, clock, crash } = this.#deps;
    if (upload.phase.name === 'assembling') {
      await dropImpostor(this.#deps, upload, upload.phase.digest);
      return { upload, committed: true };
    }
    crash('completion:before-digest');
    const joins = upload.concatenation.role === 'final';
    const digest = known ?? (await this.#digest(upload, 'sha-256', joins))?.value ?? null;
    const declared = digest === null ? null : await this.#declared(upload);
    if (digest === null || declared === null) return null;
    // While bytes can still be asked for again, should the disk refuse them now.
    if (known === null && sizeOf(upload) > 0) await blobs.harden(upload.id);
    crash('completion:after-digest');
    const verified = { type: 'verified', fence: upload.fence, digest, ...declared } as const;
    const expected = transition(upload, null, verified, clock.now());
    if (expected.kind === 'accept' && expected.next.phase.name === 'failed') {
      if ((await dropDamaged(this.#deps, upload.id, 'the bytes on disk are not the ones that were acknowledged')) > 0)
        return null;
    } else if (known !== null && declared.declared === undefined) {
      // Nothing was spent on the digest, so a checkpoint would cost more than it saves.
      return expected.kind === 'accept' ? { upload: expected.next, committed: false } : null;
    }
    const next = await apply(store, { id: upload.id, command: verified, now: clock.now() });
    crash('completion:after-verified');
    if (next.phase.name === 'assembling') return { upload: next, committed: true };
    await blobs.discard(upload.id);
    await store.released(upload.id);
    this.#ended(next);
    return null;
  }

  /** The digest by the algorithm that the client chose, where that takes a pass of its own; null when stored bytes are damaged. */
  async #declared(upload: Upload): Promise<{ readonly declared?: Digest } | null> {
    const algorithm = upload.expectedDigest?.algorithm ?? 'sha-256';
    if (algorithm === 'sha-256') return {};
    const declared = await this.#digest(upload, algorithm);
    return declared && { declared };
  }

  async #digest(upload: Upload, algorithm: DigestAlgorithm, joins = false): Promise<Digest | null> {
    const { blobs } = this.#deps;
    const size = sizeOf(upload);
    const onBytes = (bytes: number) => void this.#hashedBytes.set(upload.id, bytes);
    try {
      if (joins && size > 0) return { algorithm, value: await joinParts(this.#deps, upload, onBytes) };
      if (size === 0) await blobs.prepare(upload.id, 0);
      const value =
        algorithm === 'sha-256'
          ? await acknowledgedDigest(this.#deps, upload, size, onBytes)
          : await blobs.digest(upload.id, size, algorithm);
      return value === null ? null : { algorithm, value };
    } catch (error) {
      if (!(error instanceof HoldfastError && error.code === 'storage-damaged')) throw error;
      return await this.#damaged(upload, error);
    } finally {
      this.#hashedBytes.delete(upload.id);
    }
  }

  /** Asks for damaged bytes again; fails the upload when storage is broken in a way that sending again would not mend. */
  async #damaged(upload: Upload, error: HoldfastError): Promise<null> {
    const { store, clock } = this.#deps;
    if ((await dropDamaged(this.#deps, upload.id, 'stored bytes are gone')) > 0) return null;
    const command = { type: 'fail', fence: upload.fence, code: 'storage-damaged', reason: error.message } as const;
    this.#ended(await apply(store, { id: upload.id, command, now: clock.now() }));
    return null;
  }

  async #place(
    upload: Upload,
    known: { committed: boolean; head: Uint8Array | null; mayAct: () => boolean },
  ): Promise<void> {
    const { store, blobs, clock, crash, observer } = this.#deps;
    if (upload.phase.name !== 'assembling') return;
    const { digest } = upload.phase;
    const size = sizeOf(upload);
    try {
      await blobs.place(upload.id, size, digest);
    } catch (error) {
      if (error instanceof HoldfastError && error.code === 'storage-damaged')
        return void (await this.#damaged(upload, error));
      throw error;
    }
    crash('completion:after-place');
    if (!known.mayAct()) throw turnLost();
    const head = known.head ?? (await this.#head(digest, size));
    const contentType = (await this.#deps.sniffType(head)) ?? upload.contentType;
    const asset = { id: digest, size, contentType, createdAt: clock.now() };
    const runs = this.#deps.planRuns(asset, { kind: 'upload', metadata: upload.metadata });
    const decision = await store.decide(upload.id, null, (current) => {
      const now = clock.now();
      const verified: Decision = known.committed
        ? { kind: 'accept', next: current, events: [], writes: [] }
        : transition(current, null, { type: 'verified', fence: upload.fence, digest }, now);
      if (verified.kind === 'reject') return verified;
      const placed = transition(verified.next, null, { type: 'placed', fence: upload.fence, contentType, runs }, now);
      return placed.kind === 'reject' ? placed : { ...placed, events: [...verified.events, ...placed.events] };
    });
    if (decision?.kind === 'reject') throw decision.error;
    if (!decision) return;
    crash('completion:after-commit');
    observer.finished((clock.now() - (upload.lastByteAt ?? upload.createdAt)) / 1000);
    this.#ended(decision.next);
    await freeParts(this.#deps, decision.next);
  }

  async #head(digest: Sha256, size: number): Promise<Uint8Array> {
    const parts: Uint8Array[] = [];
    if (size === 0) return new Uint8Array(0);
    const head = await this.#deps.blobs.readAsset(digest, { start: 0, end: Math.min(headBytes, size) });
    for await (const part of head) parts.push(part as Uint8Array);
    return Buffer.concat(parts);
  }

  /** Renews the lease until the returned function is called. */
  #renew(upload: Upload): () => void {
    const { store, clock, limits, log } = this.#deps;
    let stopped = false;
    let cancel = () => {};
    const schedule = () => {
      if (stopped) return;
      cancel = clock.after(limits.finishLeaseMs / 3, () => {
        const command = { type: 'renew', fence: upload.fence, until: clock.now() + limits.finishLeaseMs } as const;
        decideOn(store, { id: upload.id, command, now: clock.now() }).then(
          (decision) => decision.kind === 'accept' && schedule(),
          (error: unknown) => {
            log.warn({ uploadId: upload.id, err: error }, 'could not renew the lease');
            // The database may be back before the lease ends; if not, the fence tells.
            schedule();
          },
        );
      });
    };
    schedule();
    return () => {
      stopped = true;
      cancel();
    };
  }
}

function sizeOf(upload: Upload): number {
  if (upload.size === null) throw new HoldfastError('internal', 'An upload without a size cannot be finished.');
  return upload.size;
}
