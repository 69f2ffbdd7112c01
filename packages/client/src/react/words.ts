/** A state of an uploader in the words of its labels: what is shown, and what a progress bar says. Pure. */
import type { Format } from './labels/format.ts';
import type { UploaderAction, UploaderLabels } from './labels/labels.ts';
import type { UploaderState } from './uploader-state.ts';

export interface Wording {
  readonly labels: UploaderLabels;
  readonly format: Format;
}

export function statusText({ status, snapshot }: UploaderState, labels: UploaderLabels): string {
  if (status === 'idle') return '';
  const reason = snapshot?.waiting?.reason;
  return status === 'waiting' && reason !== undefined ? labels.waiting[reason] : labels.status[status];
}

/** `34 MB of 80 MB`, `12 of 28 chunks`, `sending chunk 13`, `5.2 MB/s`, `3 min left`, `40 % checked`, as far as they are known. */
export function figures({ progress, file, status, snapshot }: UploaderState, { labels, format }: Wording): string[] {
  if (file === null) return [];
  if (progress === null || status === 'completed') return [format.bytes(progress?.bytesTotal ?? file.size)];
  const { bytesUploaded, bytesTotal, chunksUploaded, totalChunks, currentChunk, bytesPerSecond, etaSeconds } = progress;
  const checked = snapshot?.bytesChecked ?? null;
  if (status === 'finishing') {
    const size = format.bytes(bytesTotal);
    return checked === null ? [size] : [size, labels.checked(format.percent(checked / bytesTotal))];
  }
  const said = [labels.bytes(format.bytes(bytesUploaded), format.bytes(bytesTotal))];
  if (totalChunks > 0) said.push(labels.chunks(format.count(chunksUploaded), format.count(totalChunks)));
  if (currentChunk !== null && totalChunks > 1) said.push(labels.currentChunk(format.count(currentChunk)));
  if (bytesPerSecond !== null) said.push(format.speed(bytesPerSecond));
  if (etaSeconds !== null) said.push(labels.remaining(format.duration(etaSeconds)));
  return said;
}

/** For `aria-valuetext`: percent, state, and how long it takes. */
export function spokenProgress(state: UploaderState, { labels, format }: Wording): string {
  const eta = state.progress?.etaSeconds ?? null;
  const parts = [format.percent(fractionOf(state)), statusText(state, labels)];
  if (eta !== null) parts.push(labels.remaining(format.duration(eta)));
  return parts.join(', ');
}

/** 0 … 1 of what is under way: the compression, then the upload. */
export function fractionOf({ compressing, progress }: UploaderState): number {
  return compressing ?? (progress?.percent ?? 0) / 100;
}

export function compressionText({ compression }: UploaderState, { labels, format }: Wording): string | null {
  if (compression === null) return null;
  const { skipped, originalBytes, compressedBytes, saved } = compression;
  if (skipped !== null) return labels.notCompressed(labels.errors[skipped.reason] ?? skipped.message);
  return labels.saved(format.bytes(originalBytes), format.bytes(compressedBytes), format.percent(saved));
}

export function errorText({ error }: UploaderState, { labels, format }: Wording): string | null {
  if (error === null) return null;
  const { maxSize, accept } = error.details;
  if (error.code === 'too-large' && typeof maxSize === 'number') return labels.tooLarge(format.bytes(maxSize));
  if (error.code === 'wrong-type' && typeof accept === 'string') return labels.wrongType(accept);
  return labels.errors[error.code] ?? error.message;
}

/** What can be done now: the first button changes its word, so that the keyboard stays where it is. */
export function offers({ status, error }: UploaderState): readonly UploaderAction[] {
  switch (status) {
    case 'idle':
      return ['choose'];
    case 'ready':
      return ['start', 'cancel'];
    case 'preparing':
    case 'uploading':
      return ['pause', 'cancel'];
    case 'waiting':
      return ['retry', 'cancel'];
    case 'paused':
      return ['resume', 'cancel'];
    case 'compressing':
    case 'finishing':
      return ['cancel'];
    case 'failed':
      return error?.retryable === true ? ['retry', 'remove'] : ['remove'];
    case 'cancelled':
      return ['retry', 'remove'];
    case 'completed':
      return ['remove'];
  }
}
