/** All watched folders of a node. */
import type { Clock } from '../core/ports/clock.ts';
import type { CrashPoints } from '../core/ports/crash-points.ts';
import type { Log } from '../core/ports/log.ts';
import type { Uptime } from '../core/ports/uptime.ts';
import type {
  FolderDetails,
  FolderStatus,
  WatchAdmin,
  WatchedFileView,
  WatchObserver,
} from '../core/ports/watch-admin.ts';
import type { WatchStore } from '../core/ports/watch-store.ts';
import type { WatchedFile, WatchFolder, WatchOutcome } from '../core/watch.ts';
import type { TakeIn } from '../uploads/take-in.ts';
import type { TurnParts } from './folder-turn.ts';
import { KeptFolder } from './kept-folder.ts';
import { joinText, shownName } from './names.ts';
import { OpenWriters } from './open-writers.ts';
import { type OutcomeParts, Outcomes } from './outcomes.ts';
import { ProcessedLog } from './processed-log.ts';
import { type TakeEnd, TakeQueue } from './take-queue.ts';

export interface WatcherParts extends Omit<OutcomeParts, 'processedLog' | 'ended'> {
  readonly folders: readonly WatchFolder[];
  readonly takeIn: TakeIn;
  readonly store: WatchStore;
  readonly clock: Clock;
  readonly uptime: Uptime;
  readonly log: Log;
  readonly crash: CrashPoints;
  readonly observer: WatchObserver;
  /** Path of the plain log of processed contents; null: none is kept. */
  readonly processedLogFile: string | null;
  /** Files read at once. */
  readonly concurrency: number;
  /** Absolute paths that are never entered, beside those of the folders themselves: the data directory. */
  readonly skip: readonly string[];
  /** How nodes that share the folders take turns; null: this node is alone. */
  readonly turns: TurnParts | null;
  /** Calls back when runs may have ended. */
  onEvents(listener: () => void): () => void;
}

/** What happened to a file, for those who watch it on a terminal. */
export type WatchNews =
  | {
      readonly type: 'through';
      readonly folder: WatchFolder;
      readonly path: string;
      readonly size: number;
      readonly end: TakeEnd;
    }
  | {
      readonly type: 'ended';
      readonly folder: WatchFolder;
      readonly path: string;
      readonly outcome: WatchOutcome;
      readonly reason: string | null;
    };

const listMax = 50;

export class Watcher implements WatchAdmin {
  readonly #parts: WatcherParts;
  readonly #queue: TakeQueue;
  readonly #folders: readonly KeptFolder[];
  readonly #listeners = new Set<(news: WatchNews) => void>();
  #unsubscribe = () => {};

  constructor(parts: WatcherParts) {
    this.#parts = parts;
    const { store, clock, log, uptime, concurrency, takeIn } = parts;
    this.#queue = new TakeQueue({
      takeIn,
      store,
      clock,
      log,
      concurrency,
      writers: new OpenWriters(uptime),
      done: (folder, file, end) => this.#through(folder, file, end),
    });
    const processedLog =
      parts.processedLogFile === null ? null : new ProcessedLog(parts.processedLogFile, store, parts.crash);
    const skip = new Set(skippedPaths(parts).map((path) => Buffer.from(path).toString('latin1')));
    this.#folders = parts.folders.map((folder) => {
      const outcomes = new Outcomes(folder, {
        ...parts,
        processedLog,
        ended: (at, file, outcome, reason) => this.#ended(at, file, outcome, reason),
      });
      return new KeptFolder({ ...parts, folder, queue: this.#queue, outcomes, skip });
    });
  }

  async start(): Promise<void> {
    if (this.#folders.length === 0) return;
    this.#unsubscribe = this.#parts.onEvents(() => {
      for (const folder of this.#folders) folder.settleSoon();
    });
    await Promise.all(this.#folders.map((folder) => folder.start()));
  }

  /** Begins nothing more; resolves when no scan and no move is under way. Files that are read are left and taken again later. */
  async stop(): Promise<void> {
    this.#unsubscribe();
    this.#queue.stop();
    await Promise.all(this.#folders.map((folder) => folder.stop()));
  }

  listen(listener: (news: WatchNews) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Resolves after a scan of every folder when nothing is left that could be done now. */
  async settled(stopped: () => boolean): Promise<void> {
    await Promise.all(this.#folders.map((folder) => folder.scanned()));
    while (!stopped() && !(await this.#isQuiet())) await this.#pause();
  }

  folders(): Promise<readonly FolderStatus[]> {
    return Promise.all(this.#folders.map((folder) => folder.status()));
  }

  async folder(id: string): Promise<FolderDetails | null> {
    const found = this.#find(id);
    if (!found) return null;
    const { store } = this.#parts;
    const waiting = await store.list(id, ['waiting'], listMax);
    const recent = await store.list(id, ['taken', 'ended', 'moving', 'done', 'ignored'], listMax);
    return { ...(await found.status()), waiting: waiting.map(viewOf), recent: recent.map(viewOf) };
  }

  async scan(id: string): Promise<boolean> {
    const found = this.#find(id);
    await found?.scanned();
    return found !== undefined;
  }

  async resume(id: string): Promise<boolean> {
    const found = this.#find(id);
    if (!found) return false;
    const record = await this.#parts.store.folder(id);
    if (record?.state === 'paused')
      await this.#parts.store.saveFolder({ ...record, state: 'watching', reason: 'confirmed' });
    await found.scanned();
    return true;
  }

  #find(id: string): KeptFolder | undefined {
    return this.#folders.find((one) => one.folder.id === id);
  }

  async #isQuiet(): Promise<boolean> {
    const quiet = await Promise.all(this.#folders.map((folder) => folder.isQuiet()));
    return quiet.every(Boolean);
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => this.#parts.clock.after(50, resolve));
  }

  #through(folder: WatchFolder, file: WatchedFile, end: TakeEnd): void {
    const { observer } = this.#parts;
    const bytes = file.facts.size;
    if (end.kind === 'taken') observer.taken(folder, { how: end.how, bytes });
    if (end.kind === 'known') observer.ended(folder, 'known');
    this.#tell({ type: 'through', folder, path: shownName(joinText(file.dir, file.name)), size: bytes, end });
    const watch = this.#find(folder.id);
    // Nothing may run for it: then it has ended already.
    if (end.kind === 'taken' || end.kind === 'known') watch?.settleSoon();
    if (this.#queue.busyIn(folder.id) === 0 || end.kind === 'changed') watch?.request(0);
  }

  #ended(folder: WatchFolder, file: WatchedFile, outcome: WatchOutcome, reason: string | null): void {
    const { observer, log } = this.#parts;
    const path = shownName(joinText(file.dir, file.name));
    observer.ended(folder, outcome);
    log.info({ folder: folder.path, file: path, sha256: file.sha256, outcome, reason }, 'file processed');
    this.#tell({ type: 'ended', folder, path, outcome, reason });
  }

  #tell(news: WatchNews): void {
    for (const listener of this.#listeners) listener(news);
  }
}

/** Our own folders, wherever they are. */
function skippedPaths({ folders, skip }: Pick<WatcherParts, 'folders' | 'skip'>): string[] {
  const own = folders.flatMap(({ completedDir, failedDir, results }) => [
    completedDir,
    failedDir,
    ...(results?.to === 'folder' ? [results.path] : []),
  ]);
  return [...skip, ...own];
}

function viewOf(file: WatchedFile): WatchedFileView {
  const { facts, state, reason, sha256, outcome, seenAt, takenAt, endedAt } = file;
  const movedTo = file.movedTo === null ? null : shownName(file.movedTo);
  const path = shownName(joinText(file.dir, file.name));
  return { path, size: facts.size, state, reason, sha256, outcome, movedTo, seenAt, takenAt, endedAt };
}
