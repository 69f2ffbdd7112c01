/** The rules of final uploads and of the partial ones that they are made of. */
import type { CommandOf } from './command.ts';
import { accept, leaseLost, moved, reject, unchanged } from './decisions.ts';
import { HoldfastError, invariant } from './errors.ts';
import type { Decision } from './ports/upload-store.ts';
import { finishing, refusal, validatingEvent } from './receiving-rules.ts';
import type { Millis, Upload } from './upload.ts';

/** Whether a partial upload has all its bytes. */
export function isWholePart(upload: Upload): boolean {
  return upload.concatenation.role === 'partial' && upload.size !== null && upload.receivedBytes === upload.size;
}

export function join(upload: Upload, command: CommandOf<'join'>, now: Millis): Decision {
  invariant(upload.concatenation.role === 'final', 'only a final upload is joined');
  const refused = refusal(upload);
  if (refused) return reject(refused);
  const { size, lease } = command;
  const received: Upload = { ...upload, size, receivedBytes: size, updatedAt: now, lastByteAt: now };
  return accept(finishing(received, lease), [validatingEvent(received, now)]);
}

/** While it waits for its parts. */
export function prolong(upload: Upload, until: Millis): Decision {
  if (upload.phase.name !== 'receiving' || until <= upload.expiresAt) return unchanged(upload);
  return accept({ ...upload, expiresAt: until });
}

/** Its bytes belong to the final upload from now on, so the clean-up leaves them alone: `released`. Again is fine. Nothing
 * happens when another final upload uses it, too. */
export function take(upload: Upload, now: Millis): Decision {
  const { concatenation, phase } = upload;
  invariant(concatenation.role === 'partial', 'only a partial upload is taken');
  if (phase.name === 'cancelled' && upload.storage === 'released') return unchanged(upload);
  // The final upload was cancelled meanwhile.
  if (concatenation.uses === 0) return reject(leaseLost());
  if (!isWholePart(upload))
    return reject(new HoldfastError('storage-damaged', 'Bytes of a part were lost after all of them had been here.'));
  if (concatenation.uses > 1) return unchanged(upload);
  return accept({ ...moved(upload, { name: 'cancelled', at: now }, now), storage: 'released' }, [
    { at: now, type: 'joined', message: 'Joined into a final upload', data: {} },
  ]);
}
