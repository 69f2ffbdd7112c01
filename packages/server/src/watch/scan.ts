/**
 * One scan: the folder as it is, compared with what is recorded. Writes down what is new, changed or gone, and finds what can be taken.
 * Reads names and facts only; unchanged files cost one `lstat` and a row.
 */
import { lstat } from 'node:fs/promises';
import type { Clock } from '../core/ports/clock.ts';
import type { Uptime } from '../core/ports/uptime.ts';
import type { FolderRecord, WatchStore } from '../core/ports/watch-store.ts';
import {
  isMassDisappearance,
  isOwnOutput,
  type WatchedFile,
  type WatchedKey,
  type WatchFolder,
} from '../core/watch.ts';
import type { SeenDirectory } from './hints.ts';
import { judge } from './judge.ts';
import { joinBytes, pathIn } from './names.ts';
import { codeOf, type Found, type WalkStep, walk } from './walk.ts';

export interface ScanParts {
  readonly folder: WatchFolder;
  readonly store: WatchStore;
  readonly clock: Clock;
  readonly uptime: Uptime;
  /** Our own folders, absolute: never entered. */
  readonly skip: ReadonlySet<string>;
  /** Being taken right now: left alone. */
  isBusy(key: WatchedKey): boolean;
  /** Hands a file over to be taken; false when there is no room for more now. */
  ready(file: WatchedFile): boolean;
  stopped(): boolean;
}

export interface Scan {
  readonly state: 'watching' | 'offline' | 'paused';
  readonly reason: string | null;
  /** Files that were looked at. */
  readonly files: number;
  /** Milliseconds until a file may have become still; null: no file is waiting for that. */
  readonly dueInMs: number | null;
  /** There was no room to hand over everything that can be taken. */
  readonly more: boolean;
  /** Directories by their path in the folder, for change notices. */
  readonly dirs: ReadonlyMap<string, SeenDirectory>;
  /** Directories that could not be listed, and the like, with the reason; the first hundred. */
  readonly unreadable: readonly string[];
}

const goneBatch = 500;
/** Told; of thousands they have one cause. */
const unreadableMax = 100;

export class Scanner {
  readonly #parts: ScanParts;
  #files = 0;
  #due: number | null = null;
  #more = false;
  readonly #dirs = new Map<string, SeenDirectory>();
  readonly #unreadable = new Map<string, string>();
  readonly #gone: WatchedKey[] = [];
  #ready: WatchedFile[] = [];

  private constructor(parts: ScanParts) {
    this.#parts = parts;
  }

  /** Rejects when the database does not answer; the next scan goes on. */
  static async run(parts: ScanParts): Promise<Scan> {
    return await new Scanner(parts).#run();
  }

  async #run(): Promise<Scan> {
    const { folder, store, clock, skip, stopped } = this.#parts;
    const before = await store.folder(folder.id);
    const root = await rootOf(folder);
    if (typeof root === 'string') return this.#result('offline', root);
    const formats = folder.formats.join(' ');
    if (before !== null && before.formats !== formats) await store.reconsider(folder.id);
    const skips = (path: Buffer) => skip.has(path.toString('latin1'));
    const inode = `${root.device}:${root.inode}`;
    for await (const step of walk({ root: folder.path, inode, recursive: folder.recursive, skips, stopped }))
      await this.#step(step);
    if (stopped()) return this.#result('watching', null);
    const rootProblem = this.#unreadable.get('');
    if (rootProblem !== undefined) return this.#result('offline', `the folder cannot be listed (${rootProblem})`);
    await this.#goneDirectories();
    const counts = await store.counts(folder.id);
    const known = counts.waiting + counts.taken + counts.ended + counts.done + counts.ignored;
    // Read again: somebody may have confirmed it during this scan.
    const latest = await store.folder(folder.id);
    const confirmed = latest?.state === 'watching' && latest.reason === 'confirmed';
    const paused = isMassDisappearance(known, this.#gone.length) && !confirmed;
    const reason = paused ? massReason(this.#gone.length, known, before, root) : null;
    const record = { id: folder.id, path: folder.path, ...root, formats, scannedAt: clock.now() };
    await store.saveFolder({ ...record, state: paused ? 'paused' : 'watching', reason });
    if (paused) return this.#result('paused', reason);
    for (let start = 0; start < this.#gone.length; start += goneBatch)
      await store.gone(this.#gone.slice(start, start + goneBatch));
    this.#handOver();
    return this.#result('watching', null);
  }

  async #step(step: WalkStep): Promise<void> {
    const { folder } = this.#parts;
    switch (step.kind) {
      case 'files':
        return await this.#look(step.dir, step.files);
      case 'directory':
        this.#dirs.set(step.dir, { path: pathIn(folder.path, step.dir, ''), inode: step.inode });
        return await this.#goneFrom(step.dir, (name) => step.names.has(name));
      case 'unreadable':
        this.#unreadable.set(step.dir, step.code);
    }
  }

  async #look(dir: string, found: readonly Found[]): Promise<void> {
    const { folder, store, clock, uptime, isBusy } = this.#parts;
    // Asked before the records are read: one that is being taken has another record in a moment.
    const files = found.filter(({ name }) => !isOwnOutput(name) && !isBusy({ folderId: folder.id, dir, name }));
    const rows = await store.find(
      folder.id,
      dir,
      files.map(({ name }) => name),
    );
    const known = new Map(rows.map((row) => [row.name, row]));
    const time = { now: clock.now(), uptime: { now: uptime.now(), boot: uptime.boot }, settleMs: folder.settleMs };
    const changed: WatchedFile[] = [];
    const refreshed: WatchedFile[] = [];
    this.#files += found.filter(({ name }) => !isOwnOutput(name)).length;
    for (const { name, facts } of files) {
      const key = { folderId: folder.id, dir, name };
      const row = known.get(name) ?? null;
      const { save, refresh, ready, dueInMs } = judge(key, row, facts, time);
      if (save) changed.push(save);
      if (refresh) refreshed.push(refresh);
      if (ready && row) this.#ready.push(save ?? row);
      if (dueInMs !== null) this.#due = Math.min(this.#due ?? dueInMs, dueInMs);
    }
    await store.save(changed);
    await store.refresh(refreshed);
    // As it comes where nothing has gone so far; a folder that turns out to be half gone has then begun at what is there.
    if (this.#gone.length === 0 && (await store.folder(folder.id))?.state === 'watching') this.#handOver();
  }

  #handOver(): void {
    for (const file of this.#ready) if (!this.#parts.ready(file)) this.#more = true;
    this.#ready = [];
  }

  async #goneFrom(dir: string, isThere: (name: string) => boolean): Promise<void> {
    const { folder, store, isBusy } = this.#parts;
    for (let after = '', full = true; full; ) {
      const names = await store.namesIn({ folderId: folder.id, dir, after, limit: goneBatch });
      for (const name of names) {
        const key = { folderId: folder.id, dir, name };
        if (!isThere(name) && !isBusy(key)) this.#gone.push(key);
      }
      after = names.at(-1) ?? after;
      full = names.length === goneBatch;
    }
  }

  /** Directories that are not there any more. Of those that cannot be listed nothing is known. */
  async #goneDirectories(): Promise<void> {
    const { folder, store } = this.#parts;
    const hidden = [...this.#unreadable.keys()];
    for (const dir of await store.dirs(folder.id)) {
      if (this.#dirs.has(dir) || hidden.some((one) => dir === one || dir.startsWith(`${one}/`))) continue;
      if (await isSkippedNow(this.#parts, dir)) continue;
      await this.#goneFrom(dir, () => false);
    }
  }

  #result(state: Scan['state'], reason: string | null): Scan {
    const unreadable = [...this.#unreadable]
      .slice(0, unreadableMax)
      .map(([dir, code]) => `${dir === '' ? '.' : dir} (${code})`);
    const { dueInMs, more } = { dueInMs: this.#due, more: this.#more };
    return { state, reason, files: this.#files, dueInMs, more, dirs: this.#dirs, unreadable };
  }
}

/** A folder that is excluded since its files were recorded is still there. */
async function isSkippedNow({ folder }: ScanParts, dir: string): Promise<boolean> {
  if (folder.recursive) return false;
  return (await lstat(pathIn(folder.path, dir, '')).catch(() => null)) !== null;
}

/** The folder's device and inode, or why it is not to be looked at. */
async function rootOf(folder: WatchFolder): Promise<Pick<FolderRecord, 'device' | 'inode'> | string> {
  try {
    const stats = await lstat(folder.path, { bigint: true });
    if (!stats.isDirectory()) return 'it is not a folder any more';
    if (folder.sentinel !== null) await lstat(joinBytes(Buffer.from(folder.path), Buffer.from(folder.sentinel)));
    return { device: String(stats.dev), inode: String(stats.ino) };
  } catch (error) {
    const code = codeOf(error);
    if (code !== 'ENOENT') return `it cannot be reached (${code})`;
    const there = await lstat(folder.path).catch(() => null);
    return there ? `the file ${folder.sentinel} that marks it is not in it: is its disk mounted?` : 'it is not there';
  }
}

function massReason(
  gone: number,
  known: number,
  before: FolderRecord | null,
  root: Pick<FolderRecord, 'device' | 'inode'>,
): string {
  const other = before !== null && before.device !== root.device ? ', and it is on another device than before' : '';
  return `${gone} of ${known} files are gone at once${other}: is its disk mounted? Nothing is taken until they are back or somebody confirms that they are gone for good`;
}
