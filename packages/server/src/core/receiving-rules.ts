/** The rules while an upload takes bytes: record, pause, resume, cancel, expire, drop. */
import type { CommandOf } from './command.ts';
import { accept, event, moved, reject, unchanged } from './decisions.ts';
import { HoldfastError, invariant, unreachable } from './errors.ts';
import type { Decision, Write } from './ports/upload-store.ts';
import {
  type Extent,
  finalPhases,
  type Intake,
  type Lease,
  type Millis,
  type NewEvent,
  type Upload,
} from './upload.ts';

/** Whether the upload may take bytes now; null when it may. Asked before a body is read and again when it is recorded. */
export function refusal(upload: Upload): HoldfastError | null {
  const { phase } = upload;
  switch (phase.name) {
    case 'receiving':
      return null;
    case 'paused':
      return new HoldfastError(
        'upload-paused',
        'The upload is paused. Resume it, then send the chunk again; what had arrived is kept.',
      );
    case 'validating':
    case 'assembling':
      return new HoldfastError('upload-finishing', 'All bytes of the upload are here and it is being finished.', {
        details: { state: phase.name },
      });
    case 'completed':
    case 'cancelled':
    case 'expired':
      return new HoldfastError('upload-closed', `The upload is ${phase.name} and takes no more bytes.`, {
        details: { state: phase.name },
      });
    case 'failed':
      return new HoldfastError('upload-closed', `The upload has failed: ${phase.reason}`, {
        details: { state: phase.name, failure: phase.code },
      });
    default:
      return unreachable(phase);
  }
}

/** Whether every byte is here: then a chunk that comes again is acknowledged again, although nothing more is taken. */
export function hasEveryByte({ phase }: Upload): boolean {
  return phase.name === 'validating' || phase.name === 'assembling' || phase.name === 'completed';
}

/** Bytes come as the upload was created for, or not at all: null when `intake` is that way. */
export function foreignIntake(upload: Upload, intake: Intake): HoldfastError | null {
  if (upload.concatenation.role === 'final')
    return new HoldfastError(
      'upload-is-concatenation',
      'The upload is made of partial uploads and takes no bytes of its own.',
    );
  if (upload.intake === intake) return null;
  const way = upload.intake === 'grid' ? 'in chunks' : 'appended, one request at a time';
  return new HoldfastError(
    'wrong-protocol',
    `The upload was created by the protocol "${upload.protocol}" and takes its bytes ${way}.`,
    { details: { protocol: upload.protocol } },
  );
}

/** The counters and times after a receipt of so many bytes. */
export function withBytes(upload: Upload, bytes: number, at: { readonly now: Millis; readonly ttlMs: number }): Upload {
  return {
    ...upload,
    receivedBytes: upload.receivedBytes + bytes,
    firstByteAt: upload.firstByteAt ?? at.now,
    lastByteAt: at.now,
    updatedAt: at.now,
    expiresAt: Math.max(upload.expiresAt, at.now + at.ttlMs),
  };
}

export function record(upload: Upload, stored: Extent | null, command: CommandOf<'record'>, now: Millis): Decision {
  const { extent } = command;
  const foreign = foreignIntake(upload, 'grid');
  if (foreign) return reject(foreign);
  if (stored) return sameBytes(stored, extent) ? unchanged(upload) : reject(conflict(extent));
  const refused = refusal(upload);
  if (refused) return reject(refused);
  invariant(upload.size !== null && extent.offset + extent.length <= upload.size, 'an extent lies within the file');
  invariant(extent.length > 0 && extent.offset >= 0, 'an extent has bytes');
  const received = withBytes({ ...upload, receivedExtents: upload.receivedExtents + 1 }, extent.length, {
    now,
    ttlMs: command.ttlMs,
  });
  const writes: Write[] = [{ type: 'insert-extent', extent }];
  const events = progressEvents(upload, received, now);
  if (received.receivedBytes < upload.size) return accept(received, events, writes);
  return accept(finishing(received, command.lease), [...events, validatingEvent(received, now)], writes);
}

export function seal(upload: Upload, lease: Lease, now: Millis): Decision {
  const refused = refusal(upload);
  if (refused) return reject(refused);
  invariant(upload.size === 0, 'only an empty file needs no bytes');
  return accept(finishing({ ...upload, updatedAt: now }, lease), [validatingEvent(upload, now)]);
}

export function pause(upload: Upload, now: Millis): Decision {
  if (upload.phase.name === 'paused') return unchanged(upload);
  const refused = refusal(upload);
  if (refused) return reject(refused);
  return accept(moved(upload, { name: 'paused' }, now), [event(now, 'paused', 'Paused')]);
}

export function resume(upload: Upload, ttlMs: number, now: Millis): Decision {
  if (upload.phase.name === 'receiving') return unchanged(upload);
  if (upload.phase.name !== 'paused') return reject(refusal(upload) ?? new HoldfastError('internal', 'Not resumable.'));
  const next = { ...moved(upload, { name: 'receiving' }, now), expiresAt: Math.max(upload.expiresAt, now + ttlMs) };
  return accept(next, [event(now, 'resumed', 'Resumed')]);
}

export function cancel(upload: Upload, now: Millis): Decision {
  const used = inUse(upload);
  if (used) return reject(used);
  switch (upload.phase.name) {
    case 'cancelled':
      return unchanged(upload);
    case 'receiving':
    case 'paused':
    case 'validating':
      return accept(moved({ ...upload, fence: upload.fence + 1 }, { name: 'cancelled', at: now }, now), [
        event(now, 'cancelled', 'Cancelled'),
      ]);
    default:
      return reject(refusal(upload) ?? new HoldfastError('internal', 'Not cancellable.'));
  }
}

export function refuse(upload: Upload, command: CommandOf<'refuse'>, now: Millis): Decision {
  if (upload.phase.name !== 'receiving' && upload.phase.name !== 'paused')
    return reject(refusal(upload) ?? new HoldfastError('internal', 'Not refusable.'));
  const { code, reason } = command;
  const phase = { name: 'failed', at: now, code, reason, actual: null } as const;
  const next = moved({ ...upload, fence: upload.fence + 1 }, phase, now);
  return accept(next, [{ at: now, type: 'failed', message: reason, data: { code } }]);
}

/** Of a resource that ended otherwise already: nothing, it is gone. */
export function withdraw(upload: Upload, now: Millis): Decision {
  const { name } = upload.phase;
  if (name === 'failed' || name === 'expired') return unchanged(upload);
  if (name !== 'completed') return cancel(upload, now);
  if (upload.withdrawn) return unchanged(upload);
  return accept({ ...upload, withdrawn: true }, [event(now, 'withdrawn', 'Withdrawn; the asset stays')]);
}

/** For protocols in which an upload is a resource: why there is none any more; null while there is. A completed upload still is one. */
export function gone(upload: Upload): HoldfastError | null {
  const { name } = upload.phase;
  if (upload.withdrawn)
    return new HoldfastError('upload-closed', 'The upload was terminated.', { details: { state: 'withdrawn' } });
  return name === 'cancelled' || name === 'expired' || name === 'failed' ? refusal(upload) : null;
}

export function expire(upload: Upload, now: Millis): Decision {
  if (upload.phase.name !== 'receiving' && upload.phase.name !== 'paused') return unchanged(upload);
  if (upload.expiresAt > now || inUse(upload)) return unchanged(upload);
  return accept(moved(upload, { name: 'expired', at: now }, now), [
    event(now, 'expired', 'Expired: no bytes came for too long'),
  ]);
}

/** Of an upload that has all its bytes nobody else writes any. */
export function distrustWriters(upload: Upload, now: Millis): Decision {
  if ((upload.phase.name !== 'receiving' && upload.phase.name !== 'paused') || upload.doubt === 'writers')
    return unchanged(upload);
  return accept({ ...upload, doubt: 'writers', updatedAt: now });
}

/** Whether recorded bytes of the upload can still be given up, to be asked for again. */
export function canDrop({ phase }: Upload): boolean {
  return phase.name !== 'assembling' && !finalPhases.some((name) => name === phase.name);
}

export function drop(upload: Upload, stored: Extent | null, command: CommandOf<'drop'>, now: Millis): Decision {
  const { phase } = upload;
  if (!stored || !canDrop(upload)) return unchanged(upload);
  // What follows a gap could not be appended to: the last extent goes first.
  if (upload.intake === 'append' && stored.offset + stored.length !== upload.receivedBytes) return unchanged(upload);
  if (upload.ends === 'by-client') return lost(upload, stored, { reason: command.reason, now });
  const next: Upload = {
    ...upload,
    receivedBytes: upload.receivedBytes - stored.length,
    receivedExtents: upload.receivedExtents - 1,
    doubt: upload.doubt === 'none' ? 'hashes' : upload.doubt,
    updatedAt: now,
    expiresAt: Math.max(upload.expiresAt, now + command.ttlMs),
    fence: phase.name === 'validating' ? upload.fence + 1 : upload.fence,
    phase: phase.name === 'validating' ? { name: 'receiving' } : phase,
  };
  const data = { offset: stored.offset, length: stored.length, reason: command.reason };
  const message = `Dropped ${stored.length} bytes at ${stored.offset}: ${command.reason}`;
  return accept(
    next,
    [{ at: now, type: 'bytes-dropped', message, data }],
    [{ type: 'delete-extents', offsets: [stored.offset] }],
  );
}

/**
 * Protocols in which the client ends the file promise that an acknowledged byte is never asked for again: the client may have let go of it
 * (draft-ietf-httpbis-resumable-upload, "Offset": an upload that lost any of its state is deactivated).
 */
function lost(upload: Upload, stored: Extent, { reason, now }: { reason: string; now: Millis }): Decision {
  const message = `Lost ${stored.length} bytes at ${stored.offset} that were acknowledged: ${reason}. Send the file again as a new upload.`;
  const phase = { name: 'failed', at: now, code: 'storage-damaged', reason: message, actual: null } as const;
  const data = { code: phase.code, reason, offset: stored.offset, length: stored.length };
  return accept(moved({ ...upload, fence: upload.fence + 1 }, phase, now), [
    { at: now, type: 'failed', message, data },
  ]);
}

/** Why a partial upload has to stay as it is; null when it need not. */
function inUse({ concatenation }: Upload): HoldfastError | null {
  if (concatenation.role !== 'partial' || concatenation.uses === 0) return null;
  return new HoldfastError(
    'upload-in-use',
    'The partial upload belongs to a concatenation that is not finished. Wait for it, or cancel it first.',
  );
}

export function finishing(upload: Upload, lease: Lease): Upload {
  return { ...upload, fence: upload.fence + 1, phase: { name: 'validating', lease } };
}

function sameBytes(a: Extent, b: Extent): boolean {
  return (
    a.offset === b.offset &&
    a.length === b.length &&
    a.crc32 === b.crc32 &&
    (a.sha256 === null || b.sha256 === null || a.sha256 === b.sha256)
  );
}

function conflict(extent: Extent): HoldfastError {
  return new HoldfastError(
    'chunk-conflict',
    `Other bytes are already stored at ${extent.offset}; they are kept. If the file has changed, start a new upload.`,
    {
      details: { offset: extent.offset, length: extent.length },
    },
  );
}

/** A progress event each time another whole percent is reached, so that the log of a long upload stays short. */
export function progressEvents(before: Upload, after: Upload, now: Millis): NewEvent[] {
  if (after.size === null) return [];
  invariant(after.size > 0, 'progress of a file with bytes');
  const percent = Math.floor((after.receivedBytes * 100) / after.size);
  if (percent === Math.floor((before.receivedBytes * 100) / after.size)) return [];
  const total = Math.ceil(after.size / after.chunkSize);
  // Extents that are appended are joined and cut as it happens to come.
  const whole = after.receivedBytes === after.size ? total : Math.floor(after.receivedBytes / after.chunkSize);
  const chunks = after.intake === 'grid' ? after.receivedExtents : whole;
  const data = {
    percent,
    receivedBytes: after.receivedBytes,
    size: after.size,
    chunks,
    totalChunks: total,
  };
  return [{ at: now, type: 'progress', message: `${percent} % (${chunks}/${total})`, data }];
}

export function validatingEvent(upload: Upload, now: Millis): NewEvent {
  return {
    at: now,
    type: 'validating',
    message: 'All bytes are here; establishing the digest',
    data: { receivedBytes: upload.receivedBytes },
  };
}
