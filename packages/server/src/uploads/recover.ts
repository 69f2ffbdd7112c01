/** What a node does when it starts: go on with what it left, and distrust bytes that a machine crash may have taken. */
import type { UploadDependencies } from './dependencies.ts';
import type { Finisher } from './finish.ts';
import { dropDamaged } from './repair.ts';

const batch = 200;

export interface Recovery {
  /** The machine went down since the bytes were acknowledged, and they may not have been synced (durability `committed`). */
  readonly distrustBytes: boolean;
  /** Names of other holders that do not live any more and are not started again. */
  readonly retired?: readonly string[];
}

/** Resolves when every live upload is trustworthy again; finishing goes on in the background. */
export async function recover(
  deps: UploadDependencies,
  finisher: Finisher,
  { distrustBytes, retired = [] }: Recovery,
): Promise<{ checked: number; droppedBytes: number; resumed: number }> {
  const checks = distrustBytes ? await verifyLive(deps) : { checked: 0, droppedBytes: 0 };
  let resumed = 0;
  for (const holder of [deps.holder, ...retired]) {
    for (const upload of await deps.store.heldBy(holder, 100_000)) {
      await finisher.takeOver(upload, holder);
      resumed += 1;
    }
  }
  if (checks.checked + resumed > 0) deps.log.info({ ...checks, resumed }, 'recovered');
  return { ...checks, resumed };
}

async function verifyLive(deps: UploadDependencies): Promise<{ checked: number; droppedBytes: number }> {
  let checked = 0;
  let droppedBytes = 0;
  let after = '';
  for (;;) {
    const uploads = await deps.store.live(after, batch);
    for (const upload of uploads) {
      droppedBytes += await dropDamaged(deps, upload.id, 'the machine went down before they were synced');
      checked += 1;
    }
    const last = uploads.at(-1);
    if (!last || uploads.length < batch) return { checked, droppedBytes };
    after = last.id;
  }
}
