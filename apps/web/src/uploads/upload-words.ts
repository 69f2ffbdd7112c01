/** An upload in words and offers: what a row shows, what a progress bar says, what is announced. Pure. */
import type { UploadSnapshot } from '@holdfast/client';
import {
  formatBytes,
  formatPercent,
  formatRemaining,
  formatSpeed,
  spokenDuration,
  wholePercent,
} from '../format/format.ts';

export type Tone = 'active' | 'calm' | 'good' | 'bad';
/** What the first button does; the second one is always cancel, or remove once it is over. */
export type Offer = 'pause' | 'resume' | 'retry' | null;

export interface UploadWords {
  readonly state: string;
  readonly tone: Tone;
  /** More than the state can say; empty when there is no more. */
  readonly note: string;
  readonly offer: Offer;
  readonly over: boolean;
}

export function uploadWords(snapshot: UploadSnapshot): UploadWords {
  switch (snapshot.state) {
    case 'preparing':
      return words('Getting ready', 'active', { offer: 'pause' });
    case 'uploading':
      return words(snapshot.resumed ? 'Continuing' : 'Uploading', 'active', { offer: 'pause' });
    case 'paused':
      return words('Paused', 'calm', { offer: 'resume' });
    case 'waiting':
      return waitingWords(snapshot);
    case 'finishing':
      return words('Checking every byte', 'active', {});
    case 'completed':
      return words('Stored and verified', 'good', { over: true });
    case 'cancelled':
      return words('Cancelled', 'calm', { over: true });
    case 'failed':
      return words('Failed', 'bad', {
        note: snapshot.error?.message ?? 'It is not known why.',
        offer: snapshot.error?.retryable === false ? null : 'retry',
      });
  }
}

function waitingWords({ waiting }: UploadSnapshot): UploadWords {
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

/** `12 of 28 chunks · 34.1 MB of 80.0 MB · 5.20 MB/s · about 3 min left`, as far as it is known. */
export function uploadFigures(snapshot: UploadSnapshot): string[] {
  const { size, bytesAcknowledged, chunksAcknowledged, totalChunks, bytesPerSecond, etaSeconds, state } = snapshot;
  if (state === 'completed') return [formatBytes(size)];
  const figures = [`${formatBytes(bytesAcknowledged)} of ${formatBytes(size)}`];
  if (totalChunks > 0) figures.push(`${chunksAcknowledged} of ${totalChunks} chunks`);
  if (state === 'uploading') {
    if (bytesPerSecond !== null) figures.push(formatSpeed(bytesPerSecond));
    if (etaSeconds !== null) figures.push(formatRemaining(etaSeconds));
  }
  return figures;
}

/** For `aria-valuetext`. */
export function spokenProgress(snapshot: UploadSnapshot): string {
  const { state } = uploadWords(snapshot);
  const parts = [state, formatPercent(snapshot.progress)];
  if (snapshot.totalChunks > 0) parts.push(`${snapshot.chunksAcknowledged} of ${snapshot.totalChunks} chunks`);
  if (snapshot.state === 'uploading' && snapshot.etaSeconds !== null) {
    parts.push(`${spokenDuration(snapshot.etaSeconds)} left`);
  }
  return parts.join(', ');
}

/** What is worth saying aloud between two snapshots; null for everything else. */
export function announcement(before: UploadSnapshot | null, now: UploadSnapshot): string | null {
  const name = now.filename;
  if (before === null || before.state !== now.state) {
    switch (now.state) {
      case 'uploading':
        if (before === null || before.state === 'preparing') {
          return now.resumed ? `${name} continues at ${formatPercent(now.progress)}.` : `Uploading ${name}.`;
        }
        return before.state === 'paused' || before.waiting?.reason !== 'retrying' ? `${name} goes on.` : null;
      case 'paused':
        return `${name} is paused at ${formatPercent(now.progress)}.`;
      case 'waiting':
        return now.waiting?.reason === 'retrying' ? null : `${name} waits: ${uploadWords(now).state.toLowerCase()}.`;
      case 'failed':
        return `${name} failed: ${uploadWords(now).note}`;
      case 'completed':
        return `${name} is stored.`;
      case 'cancelled':
        return `${name} is cancelled.`;
      case 'preparing':
      case 'finishing':
        return null;
    }
  }
  const [earlier, later] = [quarter(before.progress), quarter(now.progress)];
  return now.state === 'uploading' && later > earlier ? `${name}: ${later * 25} %.` : null;
}

function quarter(progress: number): number {
  return Math.min(3, Math.floor(wholePercent(progress) / 25));
}
