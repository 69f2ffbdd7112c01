/**
 * A disk that fails to sync says so once, to one process, and counts the bytes as written. So it is recorded with the upload, as a doubt:
 * whoever finishes it copies the bytes first, and looks whether they are the acknowledged ones (decision 0026).
 */
import { HoldfastError } from '../core/errors.ts';
import type { Upload } from '../core/upload.ts';
import { apply } from './decide.ts';
import type { UploadDependencies } from './dependencies.ts';
import type { Finisher } from './finish.ts';

const againMs = 1_000;

/**
 * For the one who finishes the upload, or its concatenation, and has met an error: whether a sync of its bytes has failed. The upload with that
 * recorded; null when none has, or when it was recorded before and copying is no help.
 */
export async function distrustLost(deps: UploadDependencies, { id, doubt, fence }: Upload): Promise<Upload | null> {
  if (deps.blobs.lost(id).length === 0) return null;
  const command = { type: 'distrust-bytes', fence } as const;
  const next = await apply(deps.store, { id, command, now: deps.clock.now() });
  return next.doubt === doubt && next.fence === fence ? null : next;
}

/** Records what the disk tells while nobody waits for it, however long the state is away. */
export function recordFailedSyncs(deps: UploadDependencies, finisher: Finisher): void {
  const { store, blobs, clock, log } = deps;
  const record = async (id: string): Promise<void> => {
    // It meets the failure itself.
    if (finisher.isFinishing(id)) return;
    try {
      const next = await apply(store, { id, command: { type: 'distrust-bytes', fence: null }, now: clock.now() });
      log.warn(
        { uploadId: id, state: next.phase.name },
        'the disk failed to sync bytes of an upload; they are in doubt',
      );
      await finisher.takeOver(next);
    } catch (err) {
      if (err instanceof HoldfastError && err.code === 'upload-not-found') return;
      log.error({ uploadId: id, err }, 'a failed sync could not be recorded; it is tried again');
      clock.after(againMs, () => void record(id));
    }
  };
  blobs.onSyncFailed(record);
}
