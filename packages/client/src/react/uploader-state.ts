/** What an uploader shows: immutable, composed of its stage and the engine's snapshot. Pure. */

import type { UploadSnapshot, UploadSnapshotState } from '../snapshot.ts';
import type { UploadError } from '../upload-error.ts';
import type { UploadHandle } from '../upload-handle.ts';
import type { CompressionReport } from './compression.ts';

/**
 * - idle: no file. ready: a file, and nobody has said go. compressing: before the upload.
 * - the rest is the engine's: see UploadSnapshotState. `failed` is also a file that was not acceptable.
 */
export type UploaderStatus = 'idle' | 'ready' | 'compressing' | UploadSnapshotState;

export interface UploadProgress {
  /** Chunks that the server has acknowledged. */
  readonly chunksUploaded: number;
  /** 0 until the server has said how the file is cut. */
  readonly totalChunks: number;
  /** From 1: the first chunk that is not acknowledged; null when none is to be sent. Several go at once. */
  readonly currentChunk: number | null;
  /** Acknowledged or with the network; never falls. */
  readonly bytesUploaded: number;
  readonly bytesTotal: number;
  /** 0 … 100; 100 only when completed. */
  readonly percent: number;
  /** Null while it is not known. */
  readonly bytesPerSecond: number | null;
  readonly etaSeconds: number | null;
}

export interface UploadResult {
  /** The server's id of the recording; without `audioMetadata`, of the upload. */
  readonly recordingId: string;
  /** Where the verified content can be read. */
  readonly finalUrl: string;
  readonly assetId: string;
  /** 64 hex digits. */
  readonly sha256: string;
}

export interface ChosenFile {
  readonly blob: Blob;
  readonly name: string;
}

export interface UploaderState {
  readonly status: UploaderStatus;
  readonly file: { readonly name: string; readonly size: number; readonly type: string } | null;
  /** Null before the upload begins. */
  readonly progress: UploadProgress | null;
  /** 0 … 1 of the compression; null when there is none at work. */
  readonly compressing: number | null;
  /** What compression did; null when it was not asked for, or not yet. */
  readonly compression: CompressionReport | null;
  /** The engine's own view. */
  readonly snapshot: UploadSnapshot | null;
  readonly error: UploadError | null;
  readonly result: UploadResult | null;
}

/**
 * idle → ready → (compressing →) sending; refused: the file is not acceptable; cancelled: before there was an upload. From all of
 * them `choose` leads to ready or refused, and `reset` to idle.
 */
export type Stage =
  | { readonly name: 'idle' }
  | { readonly name: 'ready' | 'cancelled'; readonly file: ChosenFile }
  | { readonly name: 'refused'; readonly file: ChosenFile; readonly error: UploadError }
  | {
      readonly name: 'compressing';
      readonly file: ChosenFile;
      readonly fraction: number;
      readonly stop: AbortController;
    }
  | {
      readonly name: 'sending';
      readonly file: ChosenFile;
      readonly report: CompressionReport | null;
      readonly handle: UploadHandle;
      readonly endpoint: string;
    };

const nothing: UploaderState = Object.freeze({
  status: 'idle',
  file: null,
  progress: null,
  compressing: null,
  compression: null,
  snapshot: null,
  error: null,
  result: null,
});

export function composeState(stage: Stage): UploaderState {
  if (stage.name === 'idle') return nothing;
  const { blob, name } = stage.file;
  const chosen = { ...nothing, file: { name, size: blob.size, type: blob.type } };
  switch (stage.name) {
    case 'ready':
    case 'cancelled':
      return Object.freeze({ ...chosen, status: stage.name });
    case 'refused':
      return Object.freeze({ ...chosen, status: 'failed', error: stage.error });
    case 'compressing':
      return Object.freeze({ ...chosen, status: 'compressing', compressing: stage.fraction });
    case 'sending': {
      const { snapshot } = stage.handle;
      return Object.freeze({
        ...chosen,
        status: snapshot.state,
        progress: progressOf(snapshot),
        compression: stage.report,
        snapshot,
        error: snapshot.error,
        result: resultOf(snapshot, stage.endpoint),
      });
    }
  }
}

/** Whether something is under way that `cancel` ends. */
export function isLive(status: UploaderStatus): boolean {
  return !['idle', 'completed', 'failed', 'cancelled'].includes(status);
}

export function progressOf(snapshot: UploadSnapshot): UploadProgress {
  const { size, chunksAcknowledged, totalChunks, progress, state, bytesPerSecond, etaSeconds } = snapshot;
  return {
    chunksUploaded: chunksAcknowledged,
    totalChunks,
    currentChunk: state === 'uploading' && chunksAcknowledged < totalChunks ? chunksAcknowledged + 1 : null,
    bytesUploaded: state === 'completed' || state === 'finishing' ? size : Math.floor(size * progress),
    bytesTotal: size,
    percent: progress * 100,
    bytesPerSecond,
    etaSeconds,
  };
}

function resultOf({ uploadId, assetId, sha256 }: UploadSnapshot, endpoint: string): UploadResult | null {
  if (uploadId === null || assetId === null || sha256 === null) return null;
  return { recordingId: uploadId, finalUrl: `${endpoint}/v1/assets/${assetId}/content`, assetId, sha256 };
}
