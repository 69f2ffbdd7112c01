/** Watched folders as rows and back. */
import type { FolderRecord, OutsideAsset, ProcessedContent } from '../../core/ports/watch-store.ts';
import type { FileFacts, WatchedFile, WatchedState, WatchOutcome } from '../../core/watch.ts';

export interface WatchTables {
  watch_folders: WatchFolderRow;
  watch_files: WatchFileRow;
  watch_digests: WatchDigestRow;
  outside_assets: OutsideAssetRow;
  processed_contents: ProcessedContentRow;
}

export interface WatchFolderRow {
  id: string;
  path: string;
  device: string;
  inode: string;
  state: FolderRecord['state'];
  reason: string | null;
  scanned_at: number;
  formats: string | null;
}

export interface WatchDigestRow {
  device: string;
  inode: string;
  size: number;
  mtime_ns: string;
  sha256: string;
}

interface FactsColumns {
  device: string;
  inode: string;
  size: number;
  mtime_ns: string;
  ctime_ns: string;
}

export interface WatchFileRow extends FactsColumns {
  folder_id: string;
  dir: string;
  name: string;
  state: WatchedState;
  reason: string | null;
  quiet_since: number;
  boot: string;
  attempts: number;
  not_before: number;
  seen_at: number;
  sha256: string | null;
  taken_at: number | null;
  outcome: WatchOutcome | null;
  ended_at: number | null;
  moved_to: string | null;
  missing: number;
}

export interface OutsideAssetRow extends FactsColumns {
  asset_id: string;
  path: string;
}

export interface ProcessedContentRow {
  sha256: string;
  at: number;
  outcome: WatchOutcome;
  name: string;
  imported: number;
  logged: number;
}

export function factsToRow(facts: FileFacts): FactsColumns {
  const { device, inode, size, mtimeNs, ctimeNs } = facts;
  return { device, inode, size, mtime_ns: mtimeNs, ctime_ns: ctimeNs };
}

function rowToFacts(row: FactsColumns): FileFacts {
  const { device, inode, size, mtime_ns: mtimeNs, ctime_ns: ctimeNs } = row;
  return { device, inode, size, mtimeNs, ctimeNs };
}

export function rowToFolder(row: WatchFolderRow): FolderRecord {
  const { scanned_at: scannedAt, ...rest } = row;
  return { ...rest, scannedAt };
}

export function fileToRow(file: WatchedFile): WatchFileRow {
  return {
    folder_id: file.folderId,
    dir: file.dir,
    name: file.name,
    ...factsToRow(file.facts),
    state: file.state,
    reason: file.reason,
    quiet_since: Math.round(file.quietSince),
    boot: file.boot,
    attempts: file.attempts,
    not_before: file.notBefore,
    seen_at: file.seenAt,
    sha256: file.sha256,
    taken_at: file.takenAt,
    outcome: file.outcome,
    ended_at: file.endedAt,
    moved_to: file.movedTo,
    missing: file.missing ? 1 : 0,
  };
}

export function rowToFile(row: WatchFileRow): WatchedFile {
  return {
    folderId: row.folder_id,
    dir: row.dir,
    name: row.name,
    facts: rowToFacts(row),
    state: row.state,
    reason: row.reason,
    quietSince: row.quiet_since,
    boot: row.boot,
    attempts: row.attempts,
    notBefore: row.not_before,
    seenAt: row.seen_at,
    sha256: row.sha256,
    takenAt: row.taken_at,
    outcome: row.outcome,
    endedAt: row.ended_at,
    movedTo: row.moved_to,
    missing: row.missing === 1,
  };
}

export function outsideToRow(outside: OutsideAsset): OutsideAssetRow {
  return { asset_id: outside.assetId, path: outside.path, ...factsToRow(outside.facts) };
}

export function rowToOutside(row: OutsideAssetRow): OutsideAsset {
  return { assetId: row.asset_id, path: row.path, facts: rowToFacts(row) };
}

export function rowToProcessed({ sha256, at, outcome, name }: ProcessedContentRow): ProcessedContent {
  return { sha256, at, outcome, name };
}
