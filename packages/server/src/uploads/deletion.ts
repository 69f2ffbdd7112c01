/**
 * Deleting assets. First everything that is recorded of the content goes, in one transaction: from then on it is not there. Then its results and
 * its bytes, while nobody can bring the same content (`ContentTurns`), and only if nothing recorded needs them: it may have come again, or an
 * upload that is being finished may rely on the bytes that are there. What a crash or a failing disk leaves is removed by the next clean-up.
 */
import { HoldfastError } from '../core/errors.ts';
import type { ArtifactStore } from '../core/ports/artifact-store.ts';
import type { DeletedContent } from '../core/ports/deletion-store.ts';
import type { Sha256 } from '../core/upload.ts';
import type { UploadDependencies } from './dependencies.ts';
import { finishingDigest } from './finishing-digest.ts';

export interface DeletionDependencies
  extends Pick<UploadDependencies, 'store' | 'blobs' | 'clock' | 'log' | 'crash' | 'contents' | 'deletions'> {
  readonly artifacts: Pick<ArtifactStore, 'remove'>;
  readonly outside: OutsideBytes;
}

/** Assets whose bytes are files in watched folders. */
export interface OutsideBytes {
  has(assetId: Sha256): boolean;
  forget(assetId: Sha256): void;
}

/** An attempt at a step learns at its next heartbeat that its step is gone; what it publishes until then is removed by a second look after this. */
const attemptsEndMs = 10 * 60_000;
const batch = 50;
/** More uploads than are ever finished at once: then it is looked at again later. */
const finishingMax = 10_000;

export class Deletion {
  readonly #deps: DeletionDependencies;

  constructor(deps: DeletionDependencies) {
    this.#deps = deps;
  }

  /**
   * Takes the asset from the principal. When nobody else has it, it is gone when this resolves, and its bytes are removed or will be.
   * Throws `asset-not-found`, `asset-in-place`, `unavailable`.
   */
  async delete(assetId: Sha256, principal: string): Promise<void> {
    const { contents, deletions, outside, clock, crash, log } = this.#deps;
    await contents.within(assetId, async (mayAct) => {
      const inPlace = outside.has(assetId);
      const outcome = await deletions.delete({ assetId, principal, inPlace, now: clock.now() });
      if (outcome === 'absent') throw new HoldfastError('asset-not-found', `There is no asset ${assetId} here.`);
      if (outcome === 'in-place')
        throw new HoldfastError(
          'asset-in-place',
          'The file is processed where it lies, in a watched folder: delete it there. Holdfast has no copy of it.',
        );
      crash('deletion:after-commit');
      log.info({ assetId, principal, shared: outcome === 'shared' }, 'asset deleted');
      if (outcome === 'shared') return;
      outside.forget(assetId);
      const content = await deletions.find(assetId);
      if (content) await this.#tryRemove(content, mayAct);
    });
  }

  /** Removes what is left of deleted contents. Resolves to how many are dealt with for good. */
  async sweep(): Promise<number> {
    const { contents, deletions, log } = this.#deps;
    let done = 0;
    for (let after: DeletedContent | null = null; ; ) {
      const page: DeletedContent[] = await deletions.deleted(after, batch);
      for (const content of page) {
        const removed = await contents
          .within(content.assetId, (mayAct) => this.#tryRemove(content, mayAct))
          .catch((err: unknown) => log.warn({ assetId: content.assetId, err }, 'a deleted content is left for later'));
        if (removed === true) done += 1;
      }
      after = page.at(-1) ?? null;
      if (page.length < batch) return done;
    }
  }

  /** Whether nothing has to be done about it any more. */
  async #tryRemove(content: DeletedContent, mayAct: () => boolean): Promise<boolean> {
    try {
      return await this.#remove(content, mayAct);
    } catch (err) {
      this.#deps.log.warn(
        { assetId: content.assetId, err },
        'bytes of a deleted asset are left; the next clean-up removes them',
      );
      return false;
    }
  }

  async #remove(content: DeletedContent, mayAct: () => boolean): Promise<boolean> {
    const { blobs, artifacts, deletions, clock, crash } = this.#deps;
    const { assetId, deletedAt, stepKeys } = content;
    // It has come again: its bytes are needed, and its steps replace what the earlier ones left.
    if (await deletions.isRecorded(assetId)) {
      await deletions.forget(content);
      return true;
    }
    if (await this.#isFinishing(assetId)) return false;
    for (const key of stepKeys) {
      if (!mayAct()) return false;
      await artifacts.remove(key);
    }
    crash('deletion:before-bytes');
    if (!mayAct()) return false;
    await blobs.removeAsset(assetId);
    crash('deletion:after-bytes');
    if (clock.now() - deletedAt < attemptsEndMs) return false;
    await deletions.forget(content);
    return true;
  }

  /** Whether an upload relies on the bytes that are there, or has put them there: it had freed its own, and is not recorded as an asset yet. */
  async #isFinishing(assetId: Sha256): Promise<boolean> {
    const { store } = this.#deps;
    const uploads = await store.abandoned(Number.MAX_SAFE_INTEGER, finishingMax);
    if (uploads.length >= finishingMax) return true;
    for (const upload of uploads) if ((await finishingDigest(store, upload)) === assetId) return true;
    return false;
  }
}
