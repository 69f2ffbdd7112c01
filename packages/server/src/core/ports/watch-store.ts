/**
 * What is known of watched folders. A file is recorded as taken in the transaction that publishes its asset and creates its runs, so
 * nothing counts as seen before the work was accepted. A conformance suite runs on every adapter.
 */
import type { Asset, AssetSource } from '../asset.ts';
import type { RunPlan } from '../ledger.ts';
import type { Millis, Sha256 } from '../upload.ts';
import type { FileFacts, WatchedFile, WatchedKey, WatchedState, WatchOutcome } from '../watch.ts';

/** A folder's own record: its identity at the last good look, and whether somebody has to decide. */
export interface FolderRecord {
  readonly id: string;
  readonly path: string;
  readonly device: string;
  readonly inode: string;
  readonly state: 'watching' | 'paused';
  readonly reason: string | null;
  readonly scannedAt: Millis;
  /** By which its files were taken or ignored at that look, as text; null: by none. */
  readonly formats: string | null;
}

/** Where the bytes of an asset are that stayed outside of the store. */
export interface OutsideAsset {
  readonly assetId: Sha256;
  /** Absolute, as text for any bytes. */
  readonly path: string;
  readonly facts: FileFacts;
}

export interface TakeOrder {
  /** As it was read: nothing happens unless the record still says so and waits. */
  readonly file: WatchedKey & { readonly facts: FileFacts };
  readonly asset: Asset;
  readonly source: AssetSource;
  readonly runs: readonly RunPlan[];
  /** For an asset whose bytes stay outside. */
  readonly outside: OutsideAsset | null;
  readonly now: Millis;
}

/** A content that was processed, as the log of identifiers tells it. */
export interface ProcessedContent {
  readonly sha256: Sha256;
  readonly at: Millis;
  readonly outcome: WatchOutcome;
  readonly name: string;
}

/** How many files of a folder are in which state, those that are gone left out; and how many ended how, those that were moved with them. */
export type FileCounts = Readonly<Record<WatchedState, number>> & {
  readonly succeeded: number;
  readonly failed: number;
  readonly known: number;
};

export interface WatchStore {
  folder(id: string): Promise<FolderRecord | null>;
  saveFolder(record: FolderRecord): Promise<void>;

  /** The records of these names in one directory. */
  find(folderId: string, dir: string, names: readonly string[]): Promise<WatchedFile[]>;
  /** One page of the names that are recorded in a directory and not missing, in byte order. */
  namesIn(at: { folderId: string; dir: string; after: string; limit: number }): Promise<string[]>;
  /** Every directory with records that are not missing. */
  dirs(folderId: string): Promise<string[]>;
  /** Writes records, new or over what was there. For `waiting` and `ignored`. One transaction. */
  save(files: readonly WatchedFile[]): Promise<void>;
  /** These are in their places, with these facts; whatever else their records say by now stays, and those of other contents or of files that were moved as a whole. */
  refresh(files: readonly WatchedFile[]): Promise<void>;
  /** Files of the folder that were ignored wait again. */
  reconsider(folderId: string): Promise<void>;
  /** These are not in their places any more: records of files that were not taken go, of others that are done go, the rest is marked. One transaction. */
  gone(keys: readonly WatchedKey[]): Promise<void>;

  /** The digest of the file with these device, inode, size and mtime, if it was ever computed. */
  digestOf(facts: FileFacts): Promise<Sha256 | null>;
  /** Keeps it; replaces what was known of the inode. */
  saveDigest(facts: FileFacts, sha256: Sha256): Promise<void>;

  /**
   * Publishes the asset with its source and its runs and records the file as taken, in one transaction, durable when it resolves.
   * `changed`, and nothing happened: the record is not there any more, does not wait or has other facts.
   */
  take(order: TakeOrder): Promise<'taken' | 'changed'>;
  /** Records that an older system processed this content: `ended` with the outcome `known`. As `take` otherwise. */
  takeKnown(file: TakeOrder['file'], sha256: Sha256, now: Millis): Promise<'taken' | 'changed'>;

  /** Taken files without an outcome none of whose asset's runs is unfinished, oldest first. */
  finished(folderId: string, limit: number): Promise<WatchedFile[]>;
  /** Files in `ended` or `moving`. */
  unmoved(folderId: string, limit: number): Promise<WatchedFile[]>;
  /** Writes the outcome down, and the content's line of the log of identifiers if it has none. False when the file is not `taken` any more. */
  end(
    key: WatchedKey,
    end: {
      readonly outcome: WatchOutcome;
      readonly reason: string | null;
      readonly state: 'ended' | 'done';
      readonly now: Millis;
    },
  ): Promise<boolean>;
  /** `ended` → `moving`, or another place while `moving`. A record in another state is of what came in its place, and stays as it is: so for `moved`. */
  moving(key: WatchedKey, movedTo: string): Promise<void>;
  /** `ended` or `moving` → `done`; an asset outside of the store is at `outside` from now on. Null `movedTo`: it stayed where it is. */
  moved(
    key: WatchedKey,
    moved: { readonly movedTo: string | null; readonly outside: OutsideAsset | null },
  ): Promise<void>;

  counts(folderId: string): Promise<FileCounts>;
  /** Files in one of the states, newest first; of those that are gone, only what we moved. */
  list(folderId: string, states: readonly WatchedState[], limit: number): Promise<WatchedFile[]>;

  /** Everything that lies outside of the store. */
  outsideAssets(): Promise<OutsideAsset[]>;
  /** Whether the content is the content of an artifact: our own output. */
  isArtifact(sha256: Sha256): Promise<boolean>;
  /** Whether it is a result for a content that was ever taken from this place, which is named as in the sources of assets. */
  isResultOfPlace(placeId: string, sha256: Sha256): Promise<boolean>;
  /** Names of the files in directories of this path that have a content with this result now; those that were moved from there as well. */
  namesWithResult(dir: string, sha256: Sha256): Promise<string[]>;

  /** The content's line in the log of identifiers, if it has one; `imported`: from an older system. */
  processed(sha256: Sha256): Promise<(ProcessedContent & { readonly imported: boolean }) | null>;
  /** One page of the log, in the order of the digests. */
  listProcessed(after: Sha256, limit: number): Promise<ProcessedContent[]>;
  /** Takes lines of an older system in; those that are there already stay. Resolves to how many are new. */
  importProcessed(contents: readonly ProcessedContent[]): Promise<number>;
  /** Takes a content out of the log; files with it that were passed over as known, or whose asset was deleted, wait again. False when it was not in it. */
  forget(sha256: Sha256): Promise<boolean>;
  /** Lines that were not written to the log file yet, oldest first. */
  unlogged(limit: number): Promise<ProcessedContent[]>;
  logged(digests: readonly Sha256[]): Promise<void>;
}
