/**
 * The leading tab at work: gives uploads to the engine in the order of their priority, obeys commands, and looks after content whose tab
 * has gone.
 */
import type { Runtime } from '../runtime.ts';
import type { UploadClient } from '../upload-client.ts';
import type { UploadHandle } from '../upload-handle.ts';
import { lacksCredentials } from './after-failure.ts';
import { BusyClock } from './busy-clock.ts';
import { ContentWatch } from './content-watch.ts';
import { asUploadError, EntryOutcomes } from './entry-outcomes.ts';
import { QueueEntry } from './queue-entry.ts';
import type { QueueItem } from './queue-item.ts';
import { addToTally, emptyTally, type TallyChange, type TallyRow, type UploadRow } from './queue-row.ts';
import { queueSource } from './queue-source.ts';
import type { StoredQueue } from './queue-store.ts';
import { recoverContent } from './recover-content.ts';
import type { SwitchedStorage } from './storage-switch.ts';
import type { CommandName } from './tab-channel.ts';
import type { TabLocks } from './tab-locks.ts';

export interface RunnerOptions {
  readonly client: UploadClient;
  readonly storage: SwitchedStorage;
  readonly runtime: Runtime;
  readonly locks: TabLocks;
  readonly endpoint: string;
  readonly activeMax: number;
  readonly onItem: (item: QueueItem) => void;
  readonly onRemoved: (id: string) => void;
  readonly onTally: (tally: TallyRow) => void;
}

export class QueueRunner {
  readonly #options: RunnerOptions;
  readonly #outcomes: EntryOutcomes;
  readonly #entries = new Map<string, QueueEntry>();
  readonly #contents: ContentWatch;
  readonly #stopped = new AbortController();
  readonly #clock: BusyClock;
  #tally: TallyRow;

  /** Takes up what is stored. */
  constructor(stored: StoredQueue, options: RunnerOptions) {
    this.#options = options;
    this.#tally = stored.tally;
    this.#clock = new BusyClock(options.runtime);
    this.#contents = new ContentWatch({
      ...options,
      lookAfter: (id) => this.#lookAfter(id),
      isOurs: (id) => this.#entries.get(id)?.isOurs === true,
    });
    this.#outcomes = new EntryOutcomes({
      ...options,
      show: (entry) => this.#show(entry),
      gone: (id) => this.#drop(id),
      count: (change) => this.#count(change),
      takeSendingMs: () => this.#clock.take(),
      again: () => this.#startDue(),
    });
    for (const row of stored.rows) this.#entry(row);
    for (const chunk of stored.chunks) this.#entries.get(chunk.uploadId)?.receipts.recall(chunk);
    for (const entry of this.#entries.values()) {
      this.#show(entry);
      if (entry.isHeld) this.#contents.watch(entry.row.id);
      // Whoever is here now has signed in.
      const signedOut = entry.row.status === 'failed' && lacksCredentials(entry.row.error);
      if (signedOut) void this.command('retry', entry.row.id).catch(ignore);
    }
    options.onTally(this.#tally);
    this.#startDue();
  }

  get rows(): readonly UploadRow[] {
    return [...this.#entries.values()].map((entry) => entry.row);
  }

  get tally(): TallyRow {
    return this.#tally;
  }

  /** All that there is, as shown. */
  get items(): readonly QueueItem[] {
    return [...this.#entries.values()].map((entry) => entry.item);
  }

  /** A new record, or one that changed in a tab; with its content if that is not stored. */
  async changed(id: string, blob: Blob | null): Promise<void> {
    const row = await this.#options.storage.use((store) => store.row(id));
    if (row === undefined) {
      this.#drop(id);
      return;
    }
    const known = this.#entries.get(id);
    if (known === undefined) this.#count({ total: 1 });
    const entry = known ?? this.#entry(row);
    entry.row = row;
    if (row.keeping === 'stored' || row.keeping === 'released') entry.live = null;
    else if (blob !== null) entry.live = blob;
    this.#show(entry);
    if (entry.isHeld) this.#contents.watch(id);
    if (row.keeping === 'stored') void entry.receipts.flush();
    this.#startDue();
  }

  async command(name: CommandName, id: string): Promise<void> {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    try {
      await entry.inTurn(() => this.#obey(name, entry));
    } finally {
      this.#startDue();
    }
  }

  async #obey(name: CommandName, entry: QueueEntry): Promise<void> {
    const { id, status } = entry.row;
    if (this.#entries.get(id) !== entry) return;
    switch (name) {
      case 'pause':
        if (status === 'queued') await this.#outcomes.pause(entry);
        break;
      case 'resume':
        if (status === 'paused') await this.#outcomes.write(entry, { status: 'queued' });
        entry.handle?.resume();
        break;
      case 'retry':
        await this.#outcomes.retry(entry);
        break;
      case 'cancel':
        await this.#outcomes.cancel(entry);
        break;
      case 'remove':
        await this.#outcomes.cancel(entry);
        await this.#options.storage.use((store) => store.remove([id]));
        this.#drop(id);
        break;
      default:
        name satisfies never;
    }
  }

  /** Everything was wiped: stops without a word. */
  wiped(ids: readonly string[]): void {
    for (const id of ids) this.#drop(id);
    this.#clock.take();
    this.#tally = emptyTally(this.#tally.owner);
    this.#options.onTally(this.#tally);
  }

  /** Stops working; another tab goes on. */
  async close(): Promise<void> {
    this.#stopped.abort();
    this.#contents.close();
    const receipts = [...this.#entries.values()].map(async (entry) => {
      entry.end()?.stop();
      await entry.receipts.flush();
    });
    await Promise.all(receipts);
  }

  #entry(row: UploadRow): QueueEntry {
    const entry = new QueueEntry(row, this.#options);
    this.#entries.set(row.id, entry);
    return entry;
  }

  #show(entry: QueueEntry): void {
    const { id } = entry.row;
    if (this.#entries.get(id) !== entry) return;
    if (!entry.isHeld) this.#contents.letGo(id);
    this.#options.onItem(entry.item);
  }

  #drop(id: string): void {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    this.#entries.delete(id);
    entry.end()?.stop();
    entry.receipts.stop();
    this.#contents.letGo(id);
    this.#options.onRemoved(id);
    this.#startDue();
  }

  #count(change: TallyChange): void {
    this.#tally = addToTally(this.#tally, change);
    this.#options.onTally(this.#tally);
  }

  /** Starts what is due, most urgent first, as far as there are places: each priority has its own, and waits for none below it. */
  #startDue(): void {
    if (this.#stopped.signal.aborted) return;
    const entries = [...this.#entries.values()];
    const due = entries.filter((entry) => entry.isDue);
    due.sort((a, b) => a.row.rank - b.row.rank || a.row.createdAt - b.row.createdAt);
    const atWork = entries.filter((entry) => entry.isAtWork).map((entry) => entry.row.rank);
    for (const entry of due) {
      if (atWork.filter((rank) => rank <= entry.row.rank).length >= this.#options.activeMax) break;
      atWork.push(entry.row.rank);
      this.#start(entry);
    }
    this.#clock.busy = atWork.length > 0;
  }

  #start(entry: QueueEntry): void {
    const { client, storage } = this.#options;
    const { row } = entry;
    const handle = client.add(queueSource({ row, storage, live: () => entry.live }), {
      metadata: row.metadata,
      rank: row.rank,
      chunkDigests: row.validation,
      target: row.target,
      trustResume: !row.reselected,
      onChunkStored: (chunk) => entry.receipts.add(chunk),
      ...(row.chunkSize === null ? {} : { chunkSize: row.chunkSize }),
      ...(row.uploadId === null ? {} : { resumeId: row.uploadId }),
    });
    entry.begin(handle, () => this.#onChange(entry, handle));
    this.#show(entry);
  }

  #onChange(entry: QueueEntry, handle: UploadHandle): void {
    if (entry.handle !== handle || entry.settling) return;
    const { state, uploadId, totalChunks, chunkSize, error } = handle.snapshot;
    this.#show(entry);
    if (state === 'finishing') this.#startDue();
    else if (state === 'completed') void this.#completed(entry, handle);
    else if (state === 'failed' && error !== null) {
      entry.end();
      void this.#settle(entry, () => this.#outcomes.failed(entry, error));
    } else if (uploadId !== null && isNews(entry.row, uploadId, totalChunks)) {
      const change = { uploadId, totalChunks, gridBytes: chunkSize };
      // At once in memory, so that it is written once; a crash before that leaves an upload that nobody resumes, and that expires.
      entry.row = { ...entry.row, ...change };
      void this.#outcomes.write(entry, change).catch(ignore);
    }
  }

  async #completed(entry: QueueEntry, { snapshot }: UploadHandle): Promise<void> {
    entry.settling = true;
    const { uploadId, assetId, sha256 } = snapshot;
    await this.#settle(entry, () => this.#outcomes.completed(entry, { uploadId, assetId, sha256 }));
  }

  /** When it is written down, the next one; when it cannot be, that is a failure of its own. */
  async #settle(entry: QueueEntry, write: () => Promise<void>): Promise<void> {
    const failed = (error: unknown) => this.#outcomes.failed(entry, asUploadError(error));
    await entry.inTurn(() => write().catch(failed)).catch(ignore);
    this.#startDue();
  }

  /** The tab that had the content is gone. */
  async #lookAfter(id: string): Promise<void> {
    const { storage, runtime } = this.#options;
    await this.changed(id, null);
    const entry = this.#entries.get(id);
    if (entry?.isHeld !== true || entry.isOurs) return;
    entry.end()?.stop();
    const { ranges } = entry.receipts;
    const left = await recoverContent({ storage, row: entry.row, ranges, now: runtime.now() });
    if (left === 'removed') this.#drop(id);
    else await this.changed(id, null);
  }
}

/** Whether the server said something to remember: the id, and how many chunks there are if there are several. */
function isNews(row: UploadRow, uploadId: string, totalChunks: number): boolean {
  return uploadId !== row.uploadId || (totalChunks > 1 && totalChunks !== row.totalChunks);
}

/** The database has told its own user already. */
function ignore(): void {}
