/** One watched folder of a node that may share it with others: looked after while it is this node's turn, and told of otherwise. */
import type { FolderStatus } from '../core/ports/watch-admin.ts';
import type { WatchStore } from '../core/ports/watch-store.ts';
import type { WatchFolder } from '../core/watch.ts';
import { FolderTurn, type TurnParts } from './folder-turn.ts';
import { FolderWatch, type FolderWatchParts } from './folder-watch.ts';

export interface KeptFolderParts extends Omit<FolderWatchParts, 'isMine'> {
  readonly store: WatchStore;
  /** Null: this node is alone. */
  readonly turns: TurnParts | null;
}

export class KeptFolder {
  readonly folder: WatchFolder;
  readonly #parts: KeptFolderParts;
  readonly #turn: FolderTurn | null;
  /** While it is this node's turn. */
  #watch: FolderWatch | null = null;
  #ending: Promise<void> = Promise.resolve();
  /** Raised whenever the turn changes. */
  #changes = 0;

  constructor(parts: KeptFolderParts) {
    const { folder, turns } = parts;
    this.folder = folder;
    this.#parts = parts;
    const listener = {
      begin: () => void this.#begin(),
      end: () => this.#end(),
      wanted: () => this.#watch?.request(0),
    };
    this.#turn = turns === null ? null : new FolderTurn(folder.id, turns, listener);
  }

  async start(): Promise<void> {
    if (this.#turn === null) await this.#begin();
    else await this.#turn.start();
  }

  async stop(): Promise<void> {
    this.#end();
    await this.#ending;
    await this.#turn?.stop();
  }

  /** A scan within `ms`, if this node looks after the folder. */
  request(ms: number): void {
    this.#watch?.request(ms);
  }

  settleSoon(): void {
    this.#watch?.settleSoon();
  }

  /** Resolves after a scan that began after this call; of a folder that another node looks after, once that one was asked for it. */
  async scanned(): Promise<void> {
    if (this.#watch) await this.#watch.scanned();
    else await this.#turn?.want();
  }

  /** Nothing is to be done here, as far as this node can see. */
  async isQuiet(): Promise<boolean> {
    return this.#watch === null || (await this.#watch.isQuiet());
  }

  async status(): Promise<FolderStatus> {
    if (this.#watch) return await this.#watch.status();
    const { store, folder } = this.#parts;
    const [record, counts, holder] = await Promise.all([
      store.folder(folder.id),
      store.counts(folder.id),
      this.#turn?.holder() ?? null,
    ]);
    const words = holder === null ? 'no node looks after it at the moment' : `node ${holder} looks after it`;
    return {
      folder,
      state: holder === null ? 'starting' : (record?.state ?? 'starting'),
      reason: record?.state === 'paused' ? record.reason : words,
      notices: 'interval',
      noticesReason: words,
      scannedAt: record?.scannedAt ?? null,
      scanMs: null,
      files: counts.waiting + counts.taken + counts.ended + counts.moving + counts.done + counts.ignored,
      counts,
      taking: [],
      problems: [],
    };
  }

  async #begin(): Promise<void> {
    this.#changes += 1;
    const change = this.#changes;
    // The one before may still be at its last file.
    await this.#ending;
    if (this.#changes !== change) return;
    const turn = this.#turn;
    const watch = new FolderWatch({ ...this.#parts, isMine: () => turn === null || turn.isMine });
    this.#watch = watch;
    if (turn !== null) this.#parts.log.info({ folder: this.folder.path }, 'this node looks after the folder');
    await watch.start();
  }

  #end(): void {
    this.#changes += 1;
    const watch = this.#watch;
    this.#watch = null;
    if (watch === null) return;
    this.#parts.queue.drop(this.folder.id);
    this.#ending = watch.stop();
  }
}
