/** Watched folders as those who look after a server see them. */
import type { Millis, Sha256 } from '../upload.ts';
import type { WatchedState, WatchFolder, WatchOutcome } from '../watch.ts';
import type { FileCounts } from './watch-store.ts';

/** A file in a watched folder, with names for people. */
export interface WatchedFileView {
  readonly path: string;
  readonly size: number;
  readonly state: WatchedState;
  readonly reason: string | null;
  readonly sha256: Sha256 | null;
  readonly outcome: WatchOutcome | null;
  readonly movedTo: string | null;
  readonly seenAt: Millis;
  readonly takenAt: Millis | null;
  readonly endedAt: Millis | null;
}

export interface FolderStatus {
  readonly folder: WatchFolder;
  /** offline: not reachable; paused: somebody has to decide (`resume`). */
  readonly state: 'starting' | 'watching' | 'offline' | 'paused' | 'failing';
  readonly reason: string | null;
  /** Whether changes are noticed at once, or seen by scans only, and why. */
  readonly notices: 'changes' | 'interval';
  readonly noticesReason: string | null;
  readonly scannedAt: Millis | null;
  readonly scanMs: Millis | null;
  /** Files that the last scan looked at. */
  readonly files: number;
  readonly counts: FileCounts;
  /** What is being read now. */
  readonly taking: readonly { readonly path: string; readonly size: number; readonly bytes: number }[];
  /** Directories that cannot be listed, files that cannot be moved. */
  readonly problems: readonly string[];
}

export interface FolderDetails extends FolderStatus {
  /** Files that wait, newest first, with the reason; at most 50. */
  readonly waiting: readonly WatchedFileView[];
  /** What was taken, ended or ignored lately, newest first; at most 50. */
  readonly recent: readonly WatchedFileView[];
}

export interface WatchAdmin {
  folders(): Promise<readonly FolderStatus[]>;
  /** Null when there is no such folder. */
  folder(id: string): Promise<FolderDetails | null>;
  /** Looks at the folder now. False when there is no such folder. */
  scan(id: string): Promise<boolean>;
  /** What is gone from a paused folder is gone for good: goes on without it. False when there is no such folder. */
  resume(id: string): Promise<boolean>;
}

/** What metrics want to know. Calls are cheap and never throw. */
export interface WatchObserver {
  scanned(folder: WatchFolder, scan: { readonly files: number; readonly seconds: number }): void;
  taken(folder: WatchFolder, file: { readonly how: string; readonly bytes: number }): void;
  ended(folder: WatchFolder, outcome: WatchOutcome): void;
}
