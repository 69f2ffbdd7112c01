/** What the page says about watched folders. Pure. */
import type { WatchFolder } from '@holdfast/protocol';
import { plural } from '../format/format.ts';

export function folderTone({ state }: Pick<WatchFolder, 'state'>): 'well' | 'calm' | 'bad' {
  if (state === 'watching') return 'well';
  return state === 'starting' ? 'calm' : 'bad';
}

const states: Readonly<Record<WatchFolder['state'], string>> = {
  starting: 'Starting.',
  watching: 'Watched',
  offline: 'Not reachable.',
  paused: 'Paused.',
  failing: 'Cannot be looked at.',
};

/** `Watched, changes are noticed at once.`, or what is the matter. */
export function folderWords(
  folder: Pick<WatchFolder, 'state' | 'reason' | 'notices' | 'noticesReason' | 'intervalSeconds'>,
): string {
  const { state, reason, notices, noticesReason, intervalSeconds } = folder;
  if (state !== 'watching') return [states[state], reason].filter((part) => part !== null).join(' ');
  const every = `looked at every ${intervalSeconds.toLocaleString()} s`;
  if (notices === 'changes') return `${states.watching}: changes are noticed at once, and it is ${every}.`;
  return `${states.watching}: ${every}.${noticesReason === null ? '' : ` ${noticesReason}`}`;
}

/** Only what there is any of. */
export function countWords(counts: WatchFolder['counts']): string {
  const parts = [
    [counts.waiting, 'waiting'],
    [counts.taken, 'in work'],
    [counts.succeeded, 'processed'],
    [counts.failed, 'failed'],
    [counts.known, 'known before'],
    [counts.ignored, 'ignored'],
  ] as const;
  const shown = parts.filter(([count]) => count > 0).map(([count, words]) => `${count.toLocaleString()} ${words}`);
  return shown.length === 0 ? plural(0, 'file') : shown.join(', ');
}
