/** Snapshots and outcomes in words; the same on bars and lines. */
import { basename } from 'node:path';
import type { UploadSnapshot } from '@holdfast/client';
import { formatBytes } from '../core/byte-words.ts';
import { formatDuration, formatPercent, formatSpeed, safeText } from './format-text.ts';
import type { DisplayedFile, Outcome } from './progress.ts';

/** What it does now; '' while it simply uploads. */
export function stateWords(snapshot: UploadSnapshot, now: number): string {
  const { state, waiting, bytesChecked, size } = snapshot;
  if (state === 'waiting' && waiting !== null) {
    const inSeconds = `trying again in ${formatDuration(Math.max(1, (waiting.until - now) / 1_000))}`;
    switch (waiting.reason) {
      case 'offline':
        return `no network, ${inSeconds}`;
      case 'unreachable':
        return `server not reachable, ${inSeconds} (Ctrl-C keeps your progress)`;
      case 'busy':
        return `server busy, ${inSeconds}`;
      case 'retrying':
        return inSeconds;
    }
  }
  if (state === 'preparing') return 'waiting for its turn';
  if (state === 'paused') return 'paused on the server; goes on when it is resumed there';
  if (state !== 'finishing') return '';
  return bytesChecked === null
    ? 'server checks every byte'
    : `${formatPercent(bytesChecked / size)} checked by the server`;
}

/** Speed and remaining time. */
export function figureWords({ bytesPerSecond, etaSeconds }: UploadSnapshot): string {
  const eta = etaSeconds === null ? '' : `${formatDuration(etaSeconds)} left`;
  return [formatSpeed(bytesPerSecond), eta].filter((part) => part !== '').join(', ');
}

/** The per cent never go back, so they may be ahead of what is stored when a connection broke. */
export function progressWords({ bytesAcknowledged, size, progress }: UploadSnapshot): string {
  return `${formatPercent(progress)}  ${formatBytes(bytesAcknowledged)} of ${formatBytes(size)} stored`;
}

/** The line that stays when a file has ended. */
export function outcomeWords(file: DisplayedFile, outcome: Outcome, snapshot: UploadSnapshot | null): string {
  const name = safeText(basename(file.path));
  switch (outcome.kind) {
    case 'completed': {
      const rate = formatSpeed(file.size / Math.max(0.001, outcome.seconds));
      const checked = outcome.verified ? 'SHA-256 verified' : 'SHA-256 not compared';
      const took = `${formatBytes(file.size)} in ${formatDuration(outcome.seconds)}`;
      const figures = snapshot?.resumed === true ? `${took}, resumed` : `${took}, ${rate}`;
      return `✓ ${name}  ${figures}, ${checked}  ${outcome.assetId}`;
    }
    case 'failed':
      return `✗ ${name}  ${safeText(outcome.error.message)}`;
    case 'interrupted':
      return `– ${name}  stopped; ${formatBytes(snapshot?.bytesAcknowledged ?? 0)} of ${formatBytes(file.size)} are safe on the server`;
  }
}
