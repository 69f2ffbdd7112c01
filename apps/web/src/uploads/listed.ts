/** Which uploads a page shows, and what they are together. Pure. */
import type { QueueItem } from '@holdfast/client/queue';
import { plural } from '../format/format.ts';
import { uploadWords } from './upload-words.ts';

export interface Totals {
  /** Uploads that are not over. */
  readonly active: number;
  /** Of these, those that do not go on without a person. */
  readonly stuck: number;
  /** Of the bytes of the others, 0 … 1 in whole per cents: the masthead is not drawn again for less. */
  readonly fraction: number;
  /** Whether the bytes of some are only in this page. */
  readonly onlyHere: boolean;
}

export function totalsOf(items: readonly QueueItem[]): Totals {
  let active = 0;
  let stuck = 0;
  let size = 0;
  let sent = 0;
  let onlyHere = false;
  for (const item of items) {
    if (isOver(item)) continue;
    active += 1;
    onlyHere ||= (item.keeping === 'memory' || item.keeping === 'storing') && item.status !== 'recording';
    if (isStuck(item)) stuck += 1;
    else {
      size += item.size;
      sent += item.size * item.progress;
    }
  }
  return { active, stuck, fraction: size === 0 ? 0 : Math.floor((sent / size) * 100) / 100, onlyHere };
}

/** What is to be said of them in a line: `2 files on the way`, `1 file not sent`; null when all are over. */
export function totalWords({ active, stuck }: Pick<Totals, 'active' | 'stuck'>): string | null {
  if (active > stuck) return `${plural(active - stuck, 'file')} on the way`;
  return stuck > 0 ? `${plural(stuck, 'file')} not sent` : null;
}

/** What was over before this page was opened is in the library, and no news. */
export function listedUploads(items: readonly QueueItem[], openedAt: number): readonly QueueItem[] {
  return items.filter(
    ({ status, completedAt }) => status !== 'cancelled' && !(status === 'completed' && (completedAt ?? 0) < openedAt),
  );
}

export interface Rows {
  readonly rows: readonly QueueItem[];
  /** How many are not among them. */
  readonly more: number;
}

/** As many as a page can draw ten times a second: in the order in which they were added; if there are more, what needs somebody or moves goes first. */
export function rowsOf(items: readonly QueueItem[], max: number): Rows {
  if (items.length <= max) return { rows: items, more: 0 };
  const ranks = [0, 1, 2, 3].map((rank) => items.filter((item) => rankOf(item) === rank));
  return { rows: ranks.flat().slice(0, max), more: items.length - max };
}

function rankOf({ status }: QueueItem): number {
  switch (status) {
    case 'failed':
    case 'needs-reselect':
      return 0;
    case 'queued':
      return 2;
    case 'completed':
    case 'cancelled':
      return 3;
    default:
      return 1;
  }
}

function isStuck({ status }: QueueItem): boolean {
  return status === 'failed' || status === 'needs-reselect';
}

export function isOver(item: QueueItem): boolean {
  return uploadWords(item).over;
}

export interface Facts {
  readonly name: string;
  readonly size: number;
  readonly lastModified: string;
}

/** The same file picked twice while it is being sent: a second upload of it would help nobody. */
export function isOnItsWay(items: readonly QueueItem[], { name, size, lastModified }: Facts): boolean {
  return items.some(
    (item) =>
      item.filename === name &&
      item.size === size &&
      item.metadata['lastModified'] === lastModified &&
      item.status !== 'failed' &&
      item.status !== 'needs-reselect' &&
      !isOver(item),
  );
}
