/** Facts → the shapes of the native API. */
import type * as wire from '@holdfast/protocol';
import { chunkCount } from '../../core/grid.ts';
import type { Artifact, RunWithSteps, Step } from '../../core/ledger.ts';
import type { OwnedAsset } from '../../core/ports/upload-store.ts';
import { fraction } from '../../core/progress.ts';
import type { Extent, LoggedEvent, Millis, Upload } from '../../core/upload.ts';
import type { ChunkAddress } from '../../uploads/direct.ts';
import type { Receipt } from '../../uploads/receive.ts';
import type { UploadView } from '../../uploads/view.ts';

const iso = (at: Millis): string => new Date(at).toISOString();
const isoOrNull = (at: Millis | null): string | null => (at === null ? null : iso(at));

const contentUrl = (assetId: string): string => `/v1/assets/${assetId}/content`;
const hex32 = (value: number): string => value.toString(16).padStart(8, '0');

export function renderSummary(upload: Upload): wire.UploadSummary {
  const { phase } = upload;
  return {
    id: upload.id,
    filename: upload.filename,
    safeName: upload.safeName,
    contentType: upload.contentType,
    protocol: upload.protocol,
    intake: upload.intake,
    size: upload.size,
    chunkSize: upload.chunkSize,
    totalChunks: chunkCount({ size: upload.size ?? upload.receivedBytes, chunkSize: upload.chunkSize }),
    state: phase.name,
    receivedBytes: upload.receivedBytes,
    progress: phase.name === 'completed' ? 1 : fraction(upload.receivedBytes, upload.size),
    bytesPerSecond: null,
    etaSeconds: null,
    expectedSha256: upload.expectedDigest?.algorithm === 'sha-256' ? upload.expectedDigest.value : null,
    sha256: phase.name === 'completed' ? phase.assetId : phase.name === 'assembling' ? phase.digest : null,
    assetId: phase.name === 'completed' ? phase.assetId : null,
    failure: phase.name === 'failed' ? { code: phase.code, reason: phase.reason } : null,
    metadata: { ...upload.metadata },
    createdAt: iso(upload.createdAt),
    updatedAt: iso(upload.updatedAt),
    expiresAt: iso(upload.expiresAt),
    firstByteAt: isoOrNull(upload.firstByteAt),
    lastByteAt: isoOrNull(upload.lastByteAt),
    completedAt: phase.name === 'completed' ? iso(phase.at) : null,
    contentUrl: phase.name === 'completed' ? contentUrl(phase.assetId) : null,
    lastEvent: upload.lastEvent,
  };
}

/** `direct`: whether the server hands out addresses in its store. */
export function renderUpload(view: UploadView, direct: boolean): wire.Upload {
  return {
    ...renderSummary(view.upload),
    direct: direct && view.upload.intake === 'grid',
    receivedChunks: view.receivedChunks,
    progress: view.progress,
    missing: view.missing.map((range) => ({ ...range })),
    missingChunks: [...view.missingChunks],
    missingTruncated: view.missingTruncated,
    hashedBytes: view.hashedBytes,
    bytesPerSecond: view.bytesPerSecond,
    etaSeconds: view.etaSeconds,
  };
}

export function renderAddress({ expiresAt, ...address }: ChunkAddress): wire.ChunkAddress {
  return { ...address, expiresAt: iso(expiresAt) };
}

export function renderReceipt({ upload, extent, duplicate }: Receipt, index: number): wire.ChunkReceipt {
  return {
    uploadId: upload.id,
    index,
    offset: extent.offset,
    length: extent.length,
    crc32: hex32(extent.crc32),
    sha256: extent.sha256,
    duplicate,
    receivedBytes: upload.receivedBytes,
    size: upload.size ?? 0,
    state: upload.phase.name,
  };
}

export function renderChunk(extent: Extent, chunkSize: number): wire.ChunkRecord {
  const { offset, length, crc32, sha256, receivedAt } = extent;
  return {
    index: Math.floor(offset / chunkSize),
    offset,
    length,
    crc32: hex32(crc32),
    sha256,
    receivedAt: iso(receivedAt),
  };
}

export function renderEvent(event: LoggedEvent): wire.LogEvent {
  const { id, subject, subjectId, seq, at, type, message, data } = event;
  return { id, subject, subjectId, seq, at: iso(at), type, message, data: { ...data } };
}

export function renderAsset(asset: OwnedAsset): wire.Asset {
  return {
    id: asset.id,
    sha256: asset.id,
    size: asset.size,
    contentType: asset.contentType,
    filename: asset.sources[0]?.filename ?? asset.id,
    sources: asset.sources.map((s) => ({
      uploadId: s.uploadId,
      filename: s.filename,
      metadata: { ...s.metadata },
      addedAt: iso(s.addedAt),
      ...(s.watched === undefined ? {} : { watched: { ...s.watched } }),
    })),
    createdAt: iso(asset.createdAt),
    contentUrl: contentUrl(asset.id),
  };
}

export function renderArtifact(artifact: Artifact, assetId: string, step: string): wire.Artifact {
  const { stepKey, name, contentType, size, sha256 } = artifact;
  const url = `/v1/assets/${assetId}/artifacts/${stepKey}/${encodeURIComponent(name)}`;
  return { step, stepKey, name, contentType, size, sha256, url };
}

function renderStep(step: Step): wire.Step {
  const { key, name, version, state, attempt, attemptsMax, progress, output, reason, errorClass } = step;
  return {
    key,
    name,
    version,
    state,
    attempt,
    attemptsMax,
    progress,
    output: output === null ? null : { ...output },
    reason,
    errorClass,
    cancelling: step.cancelAskedAt !== null,
    startedAt: isoOrNull(step.startedAt),
    finishedAt: isoOrNull(step.finishedAt),
  };
}

export function renderRun(run: RunWithSteps): wire.Run {
  const { id, assetId, assetName, pipeline, pipelineVersion, state } = run;
  return {
    id,
    assetId,
    assetName,
    pipeline,
    pipelineVersion,
    state,
    cancelling: state === 'running' && run.cancelAskedAt !== null,
    steps: run.steps.map(renderStep),
    createdAt: iso(run.createdAt),
    finishedAt: isoOrNull(run.finishedAt),
  };
}
