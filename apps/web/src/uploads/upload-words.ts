/** An upload in words and offers: what a row shows, what a progress bar says, what is announced. Pure. */
import type { QueueItem } from '@holdfast/client/queue';
import {
  formatBytes,
  formatPercent,
  formatRatio,
  formatRemaining,
  formatSpeed,
  spokenDuration,
  wholePercent,
} from '../format/format.ts';

export type Tone = 'active' | 'calm' | 'good' | 'bad';
/** What the first button does; the second one is always cancel, or remove once it is over. */
export type Offer = 'pause' | 'resume' | 'retry' | 'select' | null;

export interface UploadWords {
  readonly state: string;
  readonly tone: Tone;
  /** More than the state can say; empty when there is no more. */
  readonly note: string;
  readonly offer: Offer;
  readonly over: boolean;
}

/** Bytes of the original, of what was compressed before it was sent. */
export const originalSizeField = 'originalSize';

export function uploadWords(item: QueueItem): UploadWords {
  switch (item.status) {
    case 'preparing':
      return words('Compressing', 'active', {});
    case 'recording':
      return words('Being recorded', 'active', {});
    case 'queued':
      return words('Waiting for its turn', 'active', { offer: 'pause', note: keepingNote(item) });
    case 'uploading':
      return words('Uploading', 'active', { offer: 'pause', note: keepingNote(item) });
    case 'paused':
      return words('Paused', 'calm', { offer: 'resume', note: keepingNote(item) });
    case 'waiting':
      return waitingWords(item);
    case 'finishing':
      return words('Checking every byte', 'active', {});
    case 'needs-reselect':
      return words('Select again to continue', 'calm', {
        offer: 'select',
        note: 'This browser could not keep the file; what has arrived is kept.',
      });
    case 'completed':
      return words('Stored and verified', 'good', { over: true });
    case 'cancelled':
      return words('Cancelled', 'calm', { over: true });
    case 'failed':
      return words('Failed', 'bad', {
        note: item.error?.message ?? 'It is not known why.',
        offer: item.error?.retryable === false ? null : 'retry',
      });
  }
}

/** The one thing that a closed tab would lose. */
function keepingNote({ keeping }: QueueItem): string {
  return keeping === 'memory' ? 'Keep this page open: the file has no room in this browser' : '';
}

function waitingWords({ waiting }: QueueItem): UploadWords {
  switch (waiting?.reason) {
    case 'offline':
      return words('Offline', 'calm', { note: 'Goes on by itself when the network is back.', offer: 'retry' });
    case 'unreachable':
      return words('Server not reachable', 'calm', {
        note: 'Goes on by itself as soon as it answers.',
        offer: 'retry',
      });
    case 'busy':
      return words('Server is busy', 'calm', { note: 'Goes on by itself in a moment.', offer: 'retry' });
    case 'retrying':
    case undefined:
      return words('Sending a chunk again', 'active', { offer: 'pause' });
  }
}

function words(
  state: string,
  tone: Tone,
  { note = '', offer = null, over = false }: { note?: string; offer?: Offer; over?: boolean },
): UploadWords {
  return { state, tone, note, offer, over };
}

/** `34.1 MB of 80.0 MB stored · 12 of 28 chunks · 5.20 MB/s · about 3 min left`, as far as it is known. */
export function uploadFigures(item: QueueItem): string[] {
  const { size, bytesAcknowledged, chunksAcknowledged, totalChunks, bytesPerSecond, etaSeconds, bytesChecked, status } =
    item;
  if (status === 'recording') return [`${formatBytes(size)} are safe`];
  const before = compressionFigure(item);
  if (status === 'completed') return [before ?? formatBytes(size)];
  // The per cents beside it count what is under way, too.
  const figures = [`${formatBytes(bytesAcknowledged)} of ${formatBytes(size)} stored`];
  if (totalChunks > 0) figures.push(`${chunksAcknowledged} of ${totalChunks} chunks`);
  if (status === 'uploading') {
    if (bytesPerSecond !== null) figures.push(formatSpeed(bytesPerSecond));
    if (etaSeconds !== null) figures.push(formatRemaining(etaSeconds));
  }
  if (bytesChecked !== null) figures.push(`${formatPercent(bytesChecked / size)} checked`);
  if (before !== null) figures.push(before);
  return figures;
}

/** `691 MB → 20.0 MB, 34×` for what was compressed. */
function compressionFigure({ metadata, size }: QueueItem): string | null {
  const original = Number(metadata[originalSizeField]);
  if (!(original > size && size > 0)) return null;
  return `${formatBytes(original)} → ${formatBytes(size)}, ${formatRatio(original / size)}`;
}

/** For `aria-valuetext`. */
export function spokenProgress(item: QueueItem): string {
  const { state } = uploadWords(item);
  if (item.status === 'recording') return state;
  const parts = [state, formatPercent(item.progress)];
  if (item.totalChunks > 0) parts.push(`${item.chunksAcknowledged} of ${item.totalChunks} chunks`);
  if (item.status === 'uploading' && item.etaSeconds !== null) {
    parts.push(`${spokenDuration(item.etaSeconds)} left`);
  }
  return parts.join(', ');
}

/** What is worth saying aloud between two looks at an upload; null for everything else. */
export function announcement(before: QueueItem | null, now: QueueItem): string | null {
  const name = now.filename;
  if (before === null || before.status !== now.status) {
    switch (now.status) {
      case 'uploading':
        if (before === null || before.status === 'queued') {
          return now.bytesAcknowledged > 0
            ? `${name} continues at ${formatPercent(now.progress)}.`
            : `Uploading ${name}.`;
        }
        return before.status === 'paused' || before.waiting?.reason !== 'retrying' ? `${name} goes on.` : null;
      case 'paused':
        return `${name} is paused at ${formatPercent(now.progress)}.`;
      case 'waiting':
        return now.waiting?.reason === 'retrying' ? null : `${name} waits: ${uploadWords(now).state.toLowerCase()}.`;
      case 'needs-reselect':
        return `${name} has to be selected again.`;
      case 'failed':
        return `${name} failed: ${uploadWords(now).note}`;
      case 'completed':
        return `${name} is stored.`;
      case 'cancelled':
        return `${name} is cancelled.`;
      case 'preparing':
      case 'recording':
      case 'queued':
      case 'finishing':
        return null;
    }
  }
  const [earlier, later] = [quarter(before.progress), quarter(now.progress)];
  return now.status === 'uploading' && later > earlier ? `${name}: ${later * 25} %.` : null;
}

function quarter(progress: number): number {
  return Math.min(3, Math.floor(wholePercent(progress) / 25));
}
