/**
 * Watched folders: the facts of a file in one, and the rules of when it is taken. Pure.
 *
 *     waiting → taken → ended → (moving →) done          ignored
 *
 * - waiting: seen, not taken: it is not still yet, it is open for writing, it is empty, or taking it failed and is tried again later.
 * - taken: its content is an asset and its runs exist (or it was known); recorded in the transaction that creates them.
 * - ended: what became of it is known and written down; it is to be moved.
 * - moving: where to is written down, so that a restart finishes it.
 * - done: nothing is left to do.
 * - ignored: not one of the formats of the folder, or our own output.
 *
 * A file whose size or times change goes back to waiting from anywhere but `moving`.
 */
import type { Millis, Sha256 } from './upload.ts';

/** What one `lstat` tells. Numbers beyond 2^53 are decimal text. */
export interface FileFacts {
  readonly device: string;
  readonly inode: string;
  /** Bytes. */
  readonly size: number;
  readonly mtimeNs: string;
  readonly ctimeNs: string;
}

/** Of the path of a directory in its folder, as text. PostgreSQL takes 2,704 bytes of a key, and the file's name is in it too: up to 765. */
export const dirBytesMax = 1_800;

/** Names are text for any bytes: see `watch/names.ts`. */
export interface WatchedKey {
  readonly folderId: string;
  /** Relative to the folder; empty for the folder itself. */
  readonly dir: string;
  readonly name: string;
}

export type WatchedState = 'waiting' | 'taken' | 'ended' | 'moving' | 'done' | 'ignored';
/** `known`: an older system processed this content. */
export type WatchOutcome = 'succeeded' | 'failed' | 'known';

export interface WatchedFile extends WatchedKey {
  readonly facts: FileFacts;
  readonly state: WatchedState;
  /** Why it waits, is ignored or failed; for people. */
  readonly reason: string | null;
  /** Milliseconds of the machine's uptime since which its facts are the same, and which boot counts them. */
  readonly quietSince: number;
  readonly boot: string;
  /** Failed attempts at taking it, and when the next one may be. */
  readonly attempts: number;
  readonly notBefore: Millis;
  readonly seenAt: Millis;
  readonly sha256: Sha256 | null;
  readonly takenAt: Millis | null;
  readonly outcome: WatchOutcome | null;
  readonly endedAt: Millis | null;
  /** Absolute path, as text for any bytes; from `moving` on. */
  readonly movedTo: string | null;
  /** It is not in its place any more. */
  readonly missing: boolean;
}

export type TakePolicy = 'auto' | 'reflink' | 'link' | 'copy' | 'in-place';

/** One folder as configured, with paths resolved. */
export interface WatchFolder {
  /** Follows from the path. */
  readonly id: string;
  /** Absolute, without links. */
  readonly path: string;
  readonly recursive: boolean;
  readonly intervalMs: Millis;
  readonly settleMs: Millis;
  /** Media ranges. */
  readonly formats: readonly string[];
  readonly take: TakePolicy;
  readonly outcome: 'keep' | 'move';
  readonly completedDir: string;
  readonly failedDir: string;
  /** Where results go: null for nowhere, 'beside' the file, or a folder. */
  readonly results: null | { readonly to: 'beside' } | { readonly to: 'folder'; readonly path: string };
  /** A file that has to be in the folder; without it the folder counts as offline. */
  readonly sentinel: string | null;
  readonly principal: string;
  readonly metadata: Readonly<Record<string, string>>;
}

/** The same bytes, as far as a file system tells without reading them. */
export function sameContent(a: FileFacts, b: FileFacts): boolean {
  return a.device === b.device && a.inode === b.inode && a.size === b.size && a.mtimeNs === b.mtimeNs;
}

/** Nothing at all has happened to the file. */
export function sameFacts(a: FileFacts, b: FileFacts): boolean {
  return sameContent(a, b) && a.ctimeNs === b.ctimeNs;
}

/** Names that programs give to files that they are not done with, and to what is nobody's video. */
const temporary = [
  // Hidden: dotfiles, .~lock.x#, .syncthing.x.tmp, rsync's .name.XXXXXX, .nfs0000…, ._x of macOS.
  /^\./,
  /~$/,
  /^~/,
  /\.(?:part|partial|tmp|temp|crdownload|download|filepart|opdownload|aria2|ytdl|!ut|!qb|bc!|unfinished|incomplete|lock|swp)$/i,
  /\.part-?Frag\d+(?:\.part)?$/i,
  /^(?:thumbs\.db|desktop\.ini|lost\+found|\$recycle\.bin|system volume information|@eadir)$/i,
];
/** What Holdfast itself writes beside files. */
const ours = /\.(?:analytic\.json|summary\.json|logline\.txt|reason\.txt)$/;

export function isTemporaryName(name: string): boolean {
  return temporary.some((pattern) => pattern.test(name));
}
export function isOwnOutput(name: string): boolean {
  return ours.test(name);
}

/** Milliseconds until the file has been still for long enough; 0 or less: it has. Wall-clock time plays no part. */
export function settlesIn(
  file: Pick<WatchedFile, 'quietSince' | 'boot'>,
  uptime: { readonly now: number; readonly boot: string },
  settleMs: number,
): number {
  if (file.boot !== uptime.boot) return settleMs;
  return settleMs - (uptime.now - file.quietSince);
}

const retryFirstMs = 5_000;
const retryMsMax = 3_600_000;

/** Milliseconds to wait after the nth failed attempt at taking a file: 5 s, doubled each time, up to an hour. */
export function takeRetryMs(attempts: number): Millis {
  return Math.min(retryMsMax, retryFirstMs * 2 ** Math.min(attempts - 1, 20));
}

/** Whether a file may be tried again; a clock that went back does not make it wait longer than the longest wait. */
export function mayTry(file: Pick<WatchedFile, 'notBefore'>, now: Millis): boolean {
  return file.notBefore <= now || file.notBefore - now > retryMsMax;
}

/** Fewer files than this may go at once without anybody asking why. */
const massFilesMin = 10;

/** Whether so much is gone that the folder, not its files, is the likelier reason: a mount that is away. */
export function isMassDisappearance(known: number, gone: number): boolean {
  return gone >= massFilesMin && gone * 2 > known;
}
