/**
 * Copies what a state speaks of, as of one moment, from a data folder in use. First the moment: while nobody can commit, the files of
 * unfinished uploads are opened and the state is pinned. Then the bytes that the pinned state speaks of: assets never change, so they
 * are the same later, or were deleted. Copying bytes before the state would miss assets that were recorded in between.
 */
import { closeSync, existsSync, openSync, readdirSync, readSync } from 'node:fs';
import { constants, copyFile, mkdir, open, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { DiskLayout } from '../blobs/disk/layout.ts';
import { systemClock } from '../platform/system-clock.ts';
import type { Snapshot } from '../state/sql/snapshot.ts';
import { type Piece, SnapshotContents } from '../state/sql/snapshot-contents.ts';

const stepBytes = 1024 * 1024;
const markName = 'backup.json';

export interface Counts {
  assets: number;
  /** Assets whose bytes stay in watched folders: they are backed up with those. */
  outside: number;
  artifacts: number;
  /** What the state speaks of and the data folder does not have. */
  lostAssets: number;
  lostArtifacts: number;
  uploads: number;
  /** Files that this backup had to copy, and their bytes. */
  copied: number;
  bytes: number;
}

export interface BackupWish {
  /** The data folder. */
  readonly from: string;
  readonly to: string;
  /** Name of the file that the state is written to. */
  readonly stateFile: string;
  readonly signal: AbortSignal;
  /** Fixes the moment; calls `frozen` while nobody can commit. */
  snapshot(frozen: () => void): Promise<Snapshot>;
}

export class Backup {
  readonly #wish: BackupWish;
  readonly #source: DiskLayout;
  readonly #target: DiskLayout;
  readonly #counts: Counts = {
    assets: 0,
    outside: 0,
    artifacts: 0,
    lostAssets: 0,
    lostArtifacts: 0,
    uploads: 0,
    copied: 0,
    bytes: 0,
  };

  constructor(wish: BackupWish) {
    this.#wish = wish;
    this.#source = new DiskLayout(wish.from);
    this.#target = new DiskLayout(wish.to);
  }

  /** Null when it was stopped. */
  async run(): Promise<Counts | null> {
    const { to, stateFile, signal, snapshot: take } = this.#wish;
    const incoming = join(to, 'incoming.new');
    const state = join(to, `${stateFile}.new`);
    for (const path of [incoming, state]) await rm(path, { recursive: true, force: true });
    await rm(join(to, markName), { force: true });
    const held = new Map<string, number>();
    try {
      const snapshot = await take(() => holdIncoming(this.#source.incoming, held));
      const copies = await this.#withSnapshot(snapshot, { held, incoming, state }).finally(() => snapshot.close());
      if (copies === null) return null;
      for (const copy of copies) {
        if (signal.aborted) return null;
        await copy();
      }
    } finally {
      for (const fd of held.values()) closeSync(fd);
    }
    await this.#publish(incoming, state);
    return this.#counts;
  }

  /**
   * What needs the snapshot, which is held no longer than that: the database cannot clean up behind it. Resolves to the copies that are left, of files
   * that never change; null when it was stopped.
   */
  async #withSnapshot(
    snapshot: Snapshot,
    { held, incoming, state }: { held: ReadonlyMap<string, number>; incoming: string; state: string },
  ): Promise<readonly (() => Promise<void>)[] | null> {
    if (!(await snapshot.writeTo(state, this.#wish.signal))) return null;
    await synced(state);
    const contents = new SnapshotContents(snapshot);
    if (!(await this.#uploads(contents, held, incoming))) return null;
    const assets = await contents.assets();
    const finishing = await contents.finishing();
    const artifacts = await contents.artifacts();
    return [
      ...assets.map((asset) => () => this.#asset(asset)),
      ...finishing.map((digest) => async () => void (await this.#assetIfThere(digest))),
      ...artifacts.map((artifact) => () => this.#artifact(artifact)),
    ];
  }

  async #uploads(contents: SnapshotContents, held: ReadonlyMap<string, number>, incoming: string): Promise<boolean> {
    await mkdir(incoming, { recursive: true, mode: 0o700 });
    for (const { id, size } of await contents.uploads()) {
      if (this.#wish.signal.aborted) return false;
      this.#counts.uploads += 1;
      const fd = held.get(id);
      // One without bytes so far, or whose bytes are the asset's already.
      if (fd === undefined) continue;
      const extents = await contents.extents(id);
      this.#counts.bytes += await copyPieces(fd, join(incoming, id), { extents, size });
      this.#counts.copied += 1;
    }
    return true;
  }

  async #asset({ id, outside }: { readonly id: string; readonly outside: string | null }): Promise<void> {
    if (await this.#assetIfThere(id)) this.#counts.assets += 1;
    else if (outside === null) this.#counts.lostAssets += 1;
    else this.#counts.outside += 1;
  }

  async #assetIfThere(id: string): Promise<boolean> {
    return await this.#copyIfThere(this.#source.assetFile(id), this.#target.assetFile(id));
  }

  /** One that is lost keeps nobody from a copy of all the others. */
  async #artifact({ key, name }: { readonly key: string; readonly name: string }): Promise<void> {
    if (await this.#copyIfThere(this.#source.artifactFile(key, name), this.#target.artifactFile(key, name)))
      this.#counts.artifacts += 1;
    else this.#counts.lostArtifacts += 1;
  }

  async #copyIfThere(from: string, to: string): Promise<boolean> {
    try {
      await this.#copy(from, to);
      return true;
    } catch (error) {
      if (existsSync(from)) throw error;
      return false;
    }
  }

  /** Passed over when it is there with the same size and time. Durable, and under its name only when it is whole. */
  async #copy(from: string, to: string): Promise<void> {
    const is = await stat(from);
    const was = await stat(to).catch(() => null);
    // Times are set in milliseconds as fractions of a second, and come back a little earlier for many a number.
    if (was !== null && was.size === is.size && Math.abs(was.mtimeMs - is.mtimeMs) < 2) return;
    await mkdir(dirname(to), { recursive: true, mode: 0o700 });
    await copyFile(from, `${to}.new`, constants.COPYFILE_FICLONE);
    await utimes(`${to}.new`, is.atime, is.mtime);
    await synced(`${to}.new`);
    await rename(`${to}.new`, to);
    this.#counts.copied += 1;
    this.#counts.bytes += is.size;
  }

  async #publish(incoming: string, state: string): Promise<void> {
    const { from, to, stateFile } = this.#wish;
    const name = await readFile(join(from, 'node-id')).catch(() => null);
    if (name !== null) await writeFile(join(to, 'node-id'), name, { mode: 0o600 });
    await rm(this.#target.incoming, { recursive: true, force: true });
    await rename(incoming, this.#target.incoming);
    await rename(state, join(to, stateFile));
    const mark = { at: new Date(systemClock.now()).toISOString(), ...this.#counts };
    await writeFile(join(to, markName), `${JSON.stringify(mark)}\n`, { flush: true });
    await synced(to);
  }
}

/** Keeps every file open: what happens to its name does not matter any more, and bytes that were acknowledged are never written over. */
function holdIncoming(incoming: string, held: Map<string, number>): void {
  for (const name of readdirSync(incoming)) held.set(name, openSync(join(incoming, name), 'r'));
}

/** Only what is recorded, so that gaps stay gaps. Resolves to the bytes copied. */
async function copyPieces(
  from: number,
  to: string,
  { extents, size }: { readonly extents: readonly Piece[]; readonly size: number | null },
): Promise<number> {
  const file = await open(to, 'wx', 0o600);
  const buffer = Buffer.allocUnsafe(stepBytes);
  let copied = 0;
  try {
    if (size !== null) await file.truncate(size);
    for (const { offset, length } of extents) {
      for (let at = 0; at < length; ) {
        const taken = readSync(from, buffer, 0, Math.min(stepBytes, length - at), offset + at);
        // What is missing here is missing in the store too; `verify` of the backup says so.
        if (taken === 0) break;
        // A disk that fills up takes a part, and says why not all of it only to the next call.
        const { bytesWritten } = await file.write(buffer, 0, taken, offset + at);
        at += bytesWritten;
        copied += bytesWritten;
      }
    }
    await file.sync();
  } finally {
    await file.close();
  }
  return copied;
}

async function synced(path: string): Promise<void> {
  const file = await open(path, 'r');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}
