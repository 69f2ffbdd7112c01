/** Records that nobody wants any more. */
import type { Runtime } from '../runtime.ts';
import { isOver, type UploadRow } from './queue-row.ts';
import type { SwitchedStorage } from './storage-switch.ts';

export interface KeepTimes {
  readonly owner: string;
  readonly runtime: Runtime;
  readonly keepFinishedMs: number;
  readonly expireAfterMs: number;
}

/** Removes what is too old, and bytes without a record. */
export async function sweepOld(
  storage: SwitchedStorage,
  { owner, runtime, keepFinishedMs, expireAfterMs }: KeepTimes,
): Promise<void> {
  const now = runtime.now();
  const { rows } = await storage.use((store) => store.load(owner));
  const keepMs = (row: UploadRow) => (isOver(row.status) ? keepFinishedMs : expireAfterMs);
  const old = rows.filter((row) => row.updatedAt + keepMs(row) < now).map((row) => row.id);
  if (old.length > 0) await storage.use((store) => store.remove(old));
  await storage.use((store) => store.sweepOrphans());
}

/** Removes what was begun before everything was wiped, and stored only between that and hearing of it. Resolves with its ids. */
export async function removeLate(
  storage: SwitchedStorage,
  { owner, at }: { readonly owner: string; readonly at: number },
): Promise<readonly string[]> {
  const { rows } = await storage.use((store) => store.load(owner));
  const late = rows.filter(({ createdAt }) => createdAt <= at).map(({ id }) => id);
  if (late.length > 0) await storage.use((store) => store.remove(late));
  return late;
}
