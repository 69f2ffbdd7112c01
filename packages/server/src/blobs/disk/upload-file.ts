/**
 * One file in `incoming/`: its descriptor, who uses it, and what of it has been synced.
 *
 * States of the descriptor: closed → opening → open → closed (evicted while idle, opened again on demand). Sealed is final: nothing may
 * use this object any more, because the file is about to get another name or to go away; whoever still holds it fails cleanly.
 * Invariants: a descriptor is closed only while `users` is 0; `dirty` is false only if every byte and the size were synced;
 * `lost` holds ranges whose sync failed: the kernel may have dropped those pages and will not say so a second time, so for them no later sync
 * counts until they were written again.
 */
import { constants } from 'node:fs';
import { HoldfastError, invariant } from '../../core/errors.ts';
import { addRange, type ExtentSet, emptyExtents, missingRanges, type Range } from '../../core/extents.ts';
import { JointTask } from '../../platform/joint-task.ts';
import type { FileFacts, FileIo } from './file-io.ts';
import { errnoOf } from './io-errors.ts';

const existing = constants.O_RDWR | constants.O_NOFOLLOW | constants.O_NONBLOCK;
const fresh = existing | constants.O_CREAT | constants.O_EXCL;

const everything: Range = { start: 0, end: Number.MAX_SAFE_INTEGER };

/** What is left of `set` outside of `range`. */
function without(set: ExtentSet, range: Range): ExtentSet {
  return set.flatMap((r) => {
    if (r.end <= range.start || r.start >= range.end) return [r];
    return missingRanges([range], r.end)
      .filter((gap) => gap.end > r.start)
      .map((gap) => ({ start: Math.max(gap.start, r.start), end: gap.end }));
  });
}

export class UploadFile {
  readonly id: string;
  readonly path: string;
  readonly #io: FileIo;
  readonly #syncTask = new JointTask(() => this.#sync());
  #fd: number | null = null;
  #opening: Promise<number> | null = null;
  #users = 0;
  #holders = 0;
  #idle: (() => void)[] = [];
  #sealed = false;
  #dirty = true;
  #syncing = false;
  #unsynced: ExtentSet = emptyExtents;
  #unsyncedBytes = 0;
  #lost: ExtentSet;
  /** Rises when a sync fails: a write that was under way then does not count. */
  #failures = 0;
  /** Whether the entry in `incoming/` is durable. */
  entryDurable = false;

  constructor(io: FileIo, place: { readonly id: string; readonly path: string; readonly lost?: ExtentSet }) {
    this.#io = io;
    this.id = place.id;
    this.path = place.path;
    this.#lost = place.lost ?? emptyExtents;
  }

  get isOpen(): boolean {
    return this.#fd !== null;
  }
  /** Whether nobody has a use for it, so that it can be forgotten. */
  get isIdle(): boolean {
    return this.#users === 0 && this.#holders === 0 && !this.#sealed;
  }
  /** Whether the descriptor is of a file that is gone, or that another process has put a copy in place of (`isolate`). */
  get lostItsName(): boolean {
    return this.#fd !== null && this.#io.facts(this.#fd).links === 0;
  }
  get lost(): ExtentSet {
    return this.#lost;
  }
  get failures(): number {
    return this.#failures;
  }
  /** Bytes written since the last sync began; 0 while one runs or when nothing may be synced any more. */
  get unsyncedBytes(): number {
    return this.#sealed || this.#syncing ? 0 : this.#unsyncedBytes;
  }

  /**
   * Keeps this object from being forgotten while `work` runs, which may take as long as a slow sender: unlike `use` it does not stop
   * `seal`. Work of several steps needs it, or a later step would act on an object that nobody can seal any more.
   */
  async hold<T>(work: (file: this) => Promise<T>): Promise<T> {
    this.#holders += 1;
    try {
      return await work(this);
    } finally {
      this.#holders -= 1;
    }
  }

  /** Runs `work` with the descriptor, which stays open until it settled. Rejects once the file is sealed. */
  async use<T>(work: (fd: number) => Promise<T> | T): Promise<T> {
    this.#users += 1;
    try {
      this.#refuseSealed();
      const fd = this.#fd ?? (await this.#open(() => this.#openExisting()));
      this.#refuseSealed();
      return await work(fd);
    } finally {
      this.#leave();
    }
  }

  /** Creates the file, or takes our own that is already there. Resolves to whether it is new. */
  async create(): Promise<boolean> {
    this.#users += 1;
    try {
      this.#refuseSealed();
      // Somebody may be opening it without creating it.
      while (this.#opening !== null) await this.#opening.catch(() => {});
      if (this.#fd !== null) return false;
      let isNew = false;
      await this.#open(async () => {
        try {
          const fd = await this.#io.open(this.path, fresh);
          isNew = true;
          return fd;
        } catch (error) {
          // Another process was first. Those who wait for this opening get that file.
          if (errnoOf(error) !== 'EEXIST') throw error;
          return this.#openExisting();
        }
      });
      return isNew;
    } finally {
      this.#leave();
    }
  }

  /** Facts of the open file; refuses one that lost its name, because what is written to it would be gone. */
  facts(fd: number): FileFacts {
    const facts = this.#io.facts(fd);
    if (!facts.isFile || facts.links !== 1) {
      throw new HoldfastError('storage-damaged', 'The file of this upload was removed or is not ours');
    }
    return facts;
  }

  /** Lets go of the descriptor if its file lost its name: the next use opens the one that has the name now. */
  async refresh(): Promise<void> {
    if (this.#users === 0 && this.lostItsName) await this.close();
  }

  /** The size was changed. */
  resized(): void {
    this.#dirty = true;
  }

  /** Another process may have written anywhere in it and not synced that: what was synced here does not count. */
  distrust(): void {
    this.#dirty = true;
    this.#unsynced = [everything];
  }

  /** So many bytes of a write that is still going on are in the file. */
  landed(bytes: number): void {
    this.#dirty = true;
    this.#unsyncedBytes += bytes;
  }

  /** A write of the range was finished that began when `failures` was `failuresBefore`. */
  written(range: Range, failuresBefore: number): void {
    if (this.#failures !== failuresBefore) {
      throw new HoldfastError('unavailable', 'The disk failed to sync while these bytes were written');
    }
    this.#dirty = true;
    this.#lost = without(this.#lost, range);
    this.#unsynced = addRange(this.#unsynced, range);
  }

  /** Everything written before, of the range if one is given, is durable once this resolves; callers that wait together share one fdatasync. */
  async sync(range?: Range): Promise<void> {
    await this.hold(async () => {
      if (this.#dirty || this.#syncing) await this.#syncTask.run();
      this.#refuseLost(range);
    });
  }

  /** Ends the use of this object: waits until nobody is in, then nobody gets in. */
  async seal(): Promise<void> {
    invariant(!this.#sealed, 'a file is sealed once');
    this.#sealed = true;
    if (this.#users > 0) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  /** The descriptor for the one who sealed; null when the file is not there. */
  async sealedDescriptor(): Promise<number | null> {
    invariant(this.#sealed, 'only for the one who sealed');
    await this.refresh();
    if (this.#fd !== null) return this.#fd;
    try {
      return await this.#open(() => this.#openExisting());
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return null;
      throw error;
    }
  }

  /** fdatasync for the one who sealed, if anything is to be synced. */
  async syncSealed(fd: number): Promise<void> {
    invariant(this.#sealed, 'only for the one who sealed');
    this.#refuseLost();
    if (this.#dirty) await this.#syncDescriptor(fd);
    this.#refuseLost();
  }

  /** Closes the descriptor; only while nobody uses it. Opened again on demand unless sealed. */
  async close(): Promise<void> {
    invariant(this.#users === 0, 'a descriptor in use is never closed');
    const fd = this.#fd;
    this.#fd = null;
    if (fd !== null) await this.#io.close(fd);
  }

  #openExisting(): Promise<number> {
    return this.#io.open(this.path, existing);
  }

  /** Whoever comes while an opening is under way waits for that one, whoever began it. */
  #open(opens: () => Promise<number>): Promise<number> {
    this.#opening ??= this.#openChecked(opens).finally(() => {
      this.#opening = null;
    });
    return this.#opening;
  }

  async #openChecked(opens: () => Promise<number>): Promise<number> {
    const fd = await opens();
    try {
      this.facts(fd);
    } catch (error) {
      await this.#io.close(fd);
      throw error;
    }
    this.#fd = fd;
    return fd;
  }

  #sync(): Promise<void> {
    return this.#dirty ? this.use((fd) => this.#syncDescriptor(fd)) : Promise.resolve();
  }

  async #syncDescriptor(fd: number): Promise<void> {
    const taken = this.#unsynced;
    this.#unsynced = emptyExtents;
    this.#unsyncedBytes = 0;
    this.#dirty = false;
    this.#syncing = true;
    try {
      await this.#io.fdatasync(fd);
      this.facts(fd);
    } catch (error) {
      this.#dirty = true;
      this.#failures += 1;
      for (const range of [...taken, ...this.#unsynced]) this.#lost = addRange(this.#lost, range);
      this.#unsynced = emptyExtents;
      throw error;
    } finally {
      this.#syncing = false;
    }
  }

  #refuseSealed(): void {
    if (this.#sealed) throw new HoldfastError('unavailable', 'The bytes of this upload are being put away');
  }

  #refuseLost(within: Range = everything): void {
    const ranges = this.#lost.filter(({ start, end }) => start < within.end && end > within.start);
    if (ranges.length > 0) {
      throw new HoldfastError('unavailable', 'An earlier sync failed; the bytes it was for have to be sent again', {
        details: { ranges },
      });
    }
  }

  #leave(): void {
    this.#users -= 1;
    if (this.#users > 0) return;
    const waiting = this.#idle;
    this.#idle = [];
    for (const resolve of waiting) resolve();
  }
}
