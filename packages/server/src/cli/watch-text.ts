/** Watched folders in words. */

import { formatBytes } from '../core/byte-words.ts';
import type { FolderStatus, WatchedFileView } from '../core/ports/watch-admin.ts';
import type { WatchNews } from '../watch/watcher.ts';
import { formatPercent, safeText } from './format-text.ts';

/** What became of files since the start. */
export interface Tally {
  taken: number;
  known: number;
  ignored: number;
  succeeded: number;
  failed: number;
}

export function tallied(tally: Tally, news: WatchNews): void {
  if (news.type === 'ended') {
    if (news.outcome === 'failed') tally.failed += 1;
    else tally.succeeded += 1;
  } else if (news.end.kind === 'taken' || news.end.kind === 'known' || news.end.kind === 'ignored')
    tally[news.end.kind] += 1;
}

/** Null for what is not worth a line: a file that changed is looked at again. */
export function newsLine(news: WatchNews): string | null {
  const path = safeText(news.path);
  if (news.type === 'ended') {
    const words = news.outcome === 'failed' ? `failed: ${safeText(news.reason ?? 'no reason is known')}` : 'processed';
    return `${path}  ${words}`;
  }
  const { end, size } = news;
  switch (end.kind) {
    case 'taken':
      return `${path}  taken (${formatBytes(size)}${end.how === 'none' ? ', the same content as before' : ''})`;
    case 'known':
      return `${path}  passed over: an older system processed this content`;
    case 'open':
    case 'unreadable':
    case 'failed':
      return `${path}  waits: ${safeText(end.reason)}`;
    case 'ignored':
    case 'changed':
      return null;
  }
}

export function newsJson(news: WatchNews): string {
  const { folder, path: file } = news;
  if (news.type === 'ended')
    return JSON.stringify({ event: 'ended', folder: folder.path, file, outcome: news.outcome, reason: news.reason });
  const { kind, ...rest } = news.end;
  return JSON.stringify({ event: kind, folder: folder.path, file, size: news.size, ...rest });
}

export function statusLine({ folder, state, reason }: FolderStatus): string {
  return `${safeText(folder.path)} is ${state}: ${safeText(reason ?? '')}`;
}

/** One line about what is under way; '' when nothing is. */
export function progressText(folders: readonly FolderStatus[]): string {
  const taking = folders.flatMap((folder) => folder.taking);
  const sum = (of: (folder: FolderStatus) => number) => folders.reduce((total, folder) => total + of(folder), 0);
  const waiting = sum(({ counts }) => counts.waiting);
  const running = sum(({ counts }) => counts.taken);
  const [first] = taking.toSorted((a, b) => b.size - a.size);
  const parts = [
    first === undefined || first.size === 0
      ? ''
      : `reading ${safeText(first.path).slice(-40)} ${formatPercent(Math.min(1, first.bytes / first.size))}`,
    waiting > 0 ? `${waiting} waiting` : '',
    running > 0 ? `${running} in the pipeline` : '',
  ];
  return parts.filter((part) => part !== '').join(' · ');
}

export function leftLines(left: readonly { folder: string; file: WatchedFileView }[]): string[] {
  return left.map(({ file }) => `${safeText(file.path)}  left: ${safeText(file.reason ?? 'it waits')}`);
}

export function problemLines(left: readonly { folder: string; problem: string }[]): string[] {
  return left.map(({ folder, problem }) => `${safeText(folder)}  ${safeText(problem)}`);
}

export function summaryLine({ taken, known, ignored, succeeded, failed }: Tally): string {
  const parts = [`${taken} taken`, `${succeeded} processed`, `${failed} failed`];
  if (known > 0) parts.push(`${known} known from before`);
  if (ignored > 0) parts.push(`${ignored} of other formats ignored`);
  return `${parts.join(', ')}.`;
}
