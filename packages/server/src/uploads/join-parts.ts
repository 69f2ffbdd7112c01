/** What the finisher does with a final upload before anything else: its parts become one file, and are freed when it is an asset. */
import type { Hashed, HashProgress } from '../core/ports/blob-store.ts';
import { transition } from '../core/transition.ts';
import type { Sha256, Upload } from '../core/upload.ts';
import { assertAcknowledged } from './acknowledged.ts';
import { decideOn } from './decide.ts';
import type { UploadDependencies } from './dependencies.ts';

/**
 * Puts the parts of a final upload that is validating into its file; resolves to the digest of it. The first part's file becomes the
 * upload's where nobody else uses it, the others are copied. Rejects with `storage-damaged` when bytes of a part are gone.
 */
export async function joinParts(deps: UploadDependencies, upload: Upload, onBytes: HashProgress): Promise<Sha256> {
  const { concatenation } = upload;
  if (concatenation.role !== 'final') throw new Error('not a final upload');
  const parts: { id: string; size: number }[] = [];
  for (const id of concatenation.parts) {
    const part = await deps.store.find(id);
    parts.push({ id, size: part?.size ?? 0 });
  }
  const filled = parts.filter((part) => part.size > 0);
  const [first] = filled;
  const alone = first !== undefined && filled.filter((part) => part.id === first.id).length === 1;
  const taken = alone && (await take(deps, first.id));
  deps.crash('concatenation:after-take');
  const joined = await deps.blobs.join(upload.id, { parts: filled, takeFirst: taken, onBytes });
  const hashed = upload.doubt === 'writers' ? await copied(deps, upload, onBytes) : joined;
  await assertAcknowledged(
    deps,
    filled.map(({ id }) => id),
    hashed,
  );
  deps.crash('concatenation:after-copy');
  return hashed.sha256;
}

/** The first part's bytes may be in the file without having been copied. */
async function copied({ blobs }: UploadDependencies, { id, size }: Upload, onBytes: HashProgress): Promise<Hashed> {
  await blobs.isolate(id, size ?? 0);
  return await blobs.hash(id, size ?? 0, { fresh: true, onBytes });
}

/** Whether the part's bytes belong to its final upload now: nobody else uses it. Throws `storage-damaged`, `lease-lost`. */
async function take(deps: UploadDependencies, id: string): Promise<boolean> {
  const now = deps.clock.now();
  const decision = await deps.store.decide(id, null, (part) => transition(part, null, { type: 'take' }, now));
  if (decision?.kind === 'reject') throw decision.error;
  return decision?.next.phase.name === 'cancelled';
}

/** Frees the parts of a final upload that is completed, as far as no other one uses them. */
export async function freeParts(deps: UploadDependencies, upload: Upload): Promise<void> {
  if (upload.concatenation.role !== 'final') return;
  for (const id of new Set(upload.concatenation.parts)) {
    const part = await deps.store.find(id);
    if (!part || part.storage === 'released') continue;
    const decision = await decideOn(deps.store, { id, command: { type: 'cancel' }, now: deps.clock.now() });
    if (decision.kind === 'reject') continue;
    await deps.blobs.discard(id);
    await deps.store.released(id);
  }
}

/** Frees what a final upload that was cancelled had taken of its parts and not yet given its own name. */
export async function discardTaken(deps: UploadDependencies, upload: Upload): Promise<void> {
  if (upload.concatenation.role !== 'final') return;
  for (const id of new Set(upload.concatenation.parts)) {
    const part = await deps.store.find(id);
    if (part?.phase.name === 'cancelled') await deps.blobs.discard(id);
  }
}
