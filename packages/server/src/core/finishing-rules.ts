/** The rules from the last receipt to the asset: claim, renew, verified, placed, fail. */
import type { CommandOf } from './command.ts';
import { accept, leaseLost, moved, reject, unchanged } from './decisions.ts';
import type { Digest } from './digest.ts';
import { invariant } from './errors.ts';
import type { RunPlan } from './ledger.ts';
import type { Decision, Write } from './ports/upload-store.ts';
import { distrustWriters } from './receiving-rules.ts';
import type { FailureCode, Millis, NewEvent, Sha256, Upload } from './upload.ts';

export function claim(upload: Upload, command: CommandOf<'claim'>, now: Millis): Decision {
  const { phase } = upload;
  if (phase.name !== 'validating' && phase.name !== 'assembling') return reject(leaseLost());
  const free = phase.lease.until <= now || phase.lease.holder === command.previousHolder;
  if (!free) return reject(leaseLost());
  return accept({ ...upload, fence: upload.fence + 1, updatedAt: now, phase: { ...phase, lease: command.lease } });
}

export function renew(upload: Upload, fence: number, until: Millis, now: Millis): Decision {
  const { phase } = upload;
  if (upload.fence !== fence || (phase.name !== 'validating' && phase.name !== 'assembling'))
    return reject(leaseLost());
  return accept({ ...upload, updatedAt: now, phase: { ...phase, lease: { ...phase.lease, until } } });
}

/**
 * A sync of the upload's bytes has failed: the kernel counts them as written, and tells nobody a second time. In doubt they are copied, and the
 * copy is verified (decision 0026). Somebody else than who finishes it ends that one's lease; what is being put in place is beyond that.
 */
export function distrustBytes(upload: Upload, fence: number | null, now: Millis): Decision {
  const { phase, doubt } = upload;
  const finishing = phase.name === 'validating' || phase.name === 'assembling';
  if (!finishing) return distrustWriters(upload, now);
  const holds = fence === upload.fence;
  const heard = phase.name === 'validating' && fence === null;
  if (!holds && !heard) return unchanged(upload);
  if (phase.name === 'validating' && doubt === 'writers') return unchanged(upload);
  const lease = holds ? phase.lease : { ...phase.lease, until: now };
  return accept({ ...moved(upload, { name: 'validating', lease }, now), doubt: 'writers', fence: upload.fence + 1 });
}

export function verified(upload: Upload, command: CommandOf<'verified'>, now: Millis): Decision {
  const { phase, expectedDigest: expected } = upload;
  const { digest } = command;
  if (upload.fence !== command.fence || phase.name !== 'validating') return reject(leaseLost());
  const actual = expected === null ? null : actualDigest(expected, command);
  if (expected !== null && actual !== null && actual.value !== expected.value) {
    const reason = `The file that arrived has ${nameOf(actual)} ${actual.value}, not ${expected.value} as declared. Check the file and upload it again.`;
    return failed(upload, { code: 'digest-mismatch', reason, actual }, now);
  }
  const message = `Assembling: SHA-256 ${digest}`;
  return accept(moved(upload, { name: 'assembling', lease: phase.lease, digest }, now), [
    { at: now, type: 'assembling', message, data: { sha256: digest } },
  ]);
}

export function placed(upload: Upload, command: CommandOf<'placed'>, now: Millis): Decision {
  const { phase } = upload;
  if (upload.fence !== command.fence || phase.name !== 'assembling') return reject(leaseLost());
  const next: Upload = {
    ...moved(upload, { name: 'completed', at: now, assetId: phase.digest }, now),
    storage: 'released',
  };
  return accept(
    next,
    [completedEvent(phase.digest, now)],
    [publication(next, { ...command, digest: phase.digest }, now)],
  );
}

export function fail(upload: Upload, command: CommandOf<'fail'>, now: Millis): Decision {
  const { phase } = upload;
  if (upload.fence !== command.fence || (phase.name !== 'validating' && phase.name !== 'assembling'))
    return reject(leaseLost());
  return failed(upload, { ...command, actual: null }, now);
}

/** A new upload of content that the principal already owns: completed at once, as a source of that asset. */
export function completedByOwner(
  upload: Upload,
  asset: { id: Sha256; contentType: string; runs: readonly RunPlan[] },
  now: Millis,
): Extract<Decision, { kind: 'accept' }> {
  invariant(
    upload.phase.name === 'receiving' && upload.receivedBytes === 0,
    'only a new upload completes by its digest',
  );
  const next: Upload = {
    ...moved(upload, { name: 'completed', at: now, assetId: asset.id }, now),
    storage: 'released',
    receivedBytes: upload.size ?? 0,
  };
  const write = publication(next, { digest: asset.id, contentType: asset.contentType, runs: asset.runs }, now);
  return { kind: 'accept', next, events: [completedEvent(asset.id, now)], writes: [write] };
}

function publication(
  upload: Upload,
  asset: { digest: Sha256; contentType: string; runs: readonly RunPlan[] },
  now: Millis,
): Write {
  invariant(upload.size !== null, 'a completed upload has a size');
  const { digest, contentType, runs } = asset;
  return {
    type: 'publish-asset',
    asset: { id: digest, size: upload.size, contentType, createdAt: now },
    source: {
      assetId: digest,
      principal: upload.principal,
      uploadId: upload.id,
      filename: upload.filename,
      safeName: upload.safeName,
      metadata: upload.metadata,
      addedAt: now,
    },
    runs,
  };
}

/** What the bytes have by the algorithm that the client chose. */
function actualDigest(expected: Digest, { digest, declared }: CommandOf<'verified'>): Digest {
  if (expected.algorithm === 'sha-256') return { algorithm: 'sha-256', value: digest };
  invariant(declared?.algorithm === expected.algorithm, `the file was digested by ${expected.algorithm}, as declared`);
  return declared;
}

function nameOf({ algorithm }: Digest): string {
  return algorithm.toUpperCase();
}

function failed(
  upload: Upload,
  failure: { code: FailureCode; reason: string; actual: Digest | null },
  now: Millis,
): Decision {
  const { code, reason, actual } = failure;
  const next = moved({ ...upload, fence: upload.fence + 1 }, { name: 'failed', at: now, code, reason, actual }, now);
  return accept(next, [{ at: now, type: 'failed', message: reason, data: { code } }]);
}

function completedEvent(digest: Sha256, now: Millis): NewEvent {
  return {
    at: now,
    type: 'completed',
    message: `Completed: asset ${digest}`,
    data: { assetId: digest, sha256: digest },
  };
}
