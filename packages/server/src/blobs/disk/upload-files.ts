/** The files of live uploads, with a bounded number of descriptors. */
import { type ExtentSet, emptyExtents } from '../../core/extents.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { FileIo } from './file-io.ts';
import type { DiskLayout } from './layout.ts';
import { UploadFile } from './upload-file.ts';

/** Remembered files, and so open descriptors; more only while more are in use at once. */
const filesMaxDefault = 256;
/** How often files are looked for that another process has freed: their bytes take room for as long as this one has a descriptor. */
const lookMs = 10_000;

export interface UploadFilesParts {
  readonly io: FileIo;
  readonly layout: DiskLayout;
  readonly clock: Clock;
  readonly max?: number | undefined;
}

export class UploadFiles {
  readonly #io: FileIo;
  readonly #layout: DiskLayout;
  /** Least recently used first. */
  readonly #files = new Map<string, UploadFile>();
  readonly #sealing = new Map<string, Promise<void>>();
  readonly #clock: Clock;
  readonly #max: number;
  #cancelLook: (() => void) | null = null;

  constructor({ io, layout, clock, max = filesMaxDefault }: UploadFilesParts) {
    this.#io = io;
    this.#layout = layout;
    this.#clock = clock;
    this.#max = max;
  }

  /** The upload's file object; does not touch the disk. */
  of(uploadId: string): UploadFile {
    const known = this.#files.get(uploadId);
    if (known !== undefined) {
      this.#files.delete(uploadId);
      this.#files.set(uploadId, known);
      if (this.#files.size > this.#max) this.#evict(known);
      return known;
    }
    return this.#add(uploadId, emptyExtents);
  }

  /**
   * Runs `work` when nobody else uses the file; those who come later, and holders of the old object, are refused meanwhile. Afterwards the
   * file is forgotten and its descriptor closed. Two of these for one upload run one after the other.
   */
  async exclusively<T>(uploadId: string, work: (file: UploadFile) => Promise<T>): Promise<T> {
    for (let other = this.#sealing.get(uploadId); other !== undefined; other = this.#sealing.get(uploadId)) await other;
    const file = this.of(uploadId);
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#sealing.set(uploadId, promise);
    let done = false;
    try {
      await file.seal();
      const result = await work(file);
      done = true;
      return result;
    } finally {
      await file.close().catch(() => {});
      this.#files.delete(uploadId);
      if (!done && file.lost.length > 0) this.#add(uploadId, file.lost);
      this.#sealing.delete(uploadId);
      resolve();
    }
  }

  /** How many descriptors are open; for tests and metrics. */
  get openCount(): number {
    let count = 0;
    for (const file of this.#files.values()) if (file.isOpen) count += 1;
    return count;
  }

  /** Closes every descriptor, each when its users are done. */
  async close(): Promise<void> {
    for (const id of [...this.#files.keys()]) await this.exclusively(id, async () => {});
    this.#cancelLook?.();
  }

  #add(uploadId: string, lost: ExtentSet): UploadFile {
    const file = new UploadFile(this.#io, { id: uploadId, path: this.#layout.incomingFile(uploadId), lost });
    this.#files.set(uploadId, file);
    if (this.#files.size > this.#max) this.#evict(file);
    this.#cancelLook ??= this.#clock.after(lookMs, () => this.#look());
    return file;
  }

  #look(): void {
    for (const [id, file] of this.#files) {
      // What a sync failed for in a file that is gone, or was copied since, is in nobody's way.
      if (!file.isIdle || !lostItsName(file)) continue;
      this.#files.delete(id);
      void file.close().catch(() => {});
    }
    this.#cancelLook = this.#files.size > 0 ? this.#clock.after(lookMs, () => this.#look()) : null;
  }

  #evict(wanted: UploadFile): void {
    for (const [id, file] of this.#files) {
      if (this.#files.size <= this.#max) return;
      if (file === wanted || !file.isIdle || file.lost.length > 0) continue;
      this.#files.delete(id);
      // A failed close of an idle descriptor loses nothing that a sync did not report.
      void file.close().catch(() => {});
    }
  }
}

/** A descriptor that cannot be asked is left to whoever uses it next. */
function lostItsName(file: UploadFile): boolean {
  try {
    return file.lostItsName;
  } catch {
    return false;
  }
}
