/**
 * Takes files, a few at a time, in the order in which they were found. A file is in here at most once; one that fails does not hold up the
 * others. What is read when the server stops is left: it waits in the database, and its copy under `scratch/` is emptied at the next start.
 */
import { HoldfastError } from '../core/errors.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { Log } from '../core/ports/log.ts';
import type { WatchStore } from '../core/ports/watch-store.ts';
import { takeRetryMs, type WatchedFile, type WatchedKey, type WatchFolder } from '../core/watch.ts';
import type { TakeIn, Taken } from '../uploads/take-in.ts';
import { typeByName } from './media-names.ts';
import { joinText, pathIn, placeId, shownName } from './names.ts';
import type { OpenWriters } from './open-writers.ts';

export interface TakeQueueParts {
  readonly takeIn: TakeIn;
  readonly store: WatchStore;
  readonly writers: OpenWriters;
  readonly clock: Clock;
  readonly log: Log;
  /** Files read at once. */
  readonly concurrency: number;
  /** A file is through; `again`: a scan would find something. */
  done(folder: WatchFolder, file: WatchedFile, end: TakeEnd): void;
}

export type TakeEnd = Taken | { readonly kind: 'open' | 'failed'; readonly reason: string };

/** A file that is being read. */
export interface Taking {
  readonly folderId: string;
  readonly path: string;
  readonly size: number;
  bytes: number;
}

/** Waiting in memory; the rest waits in the database. */
const queuedMax = 2_000;

export class TakeQueue {
  readonly #parts: TakeQueueParts;
  readonly #queue: { folder: WatchFolder; file: WatchedFile }[] = [];
  readonly #busy = new Set<string>();
  readonly #running = new Map<string, Taking>();
  #stopped = false;

  constructor(parts: TakeQueueParts) {
    this.#parts = parts;
  }

  /** False when there is no room: a later scan brings it again. */
  add(folder: WatchFolder, file: WatchedFile): boolean {
    if (this.#stopped || this.#queue.length >= queuedMax) return false;
    const id = idOf(file);
    if (this.#busy.has(id)) return true;
    this.#busy.add(id);
    this.#queue.push({ folder, file });
    this.#pump();
    return true;
  }

  isBusy(key: WatchedKey): boolean {
    return this.#busy.has(idOf(key));
  }

  /** Files of the folder that are waiting in line or being read. */
  busyIn(folderId: string): number {
    const waiting = this.#queue.filter(({ folder }) => folder.id === folderId).length;
    return waiting + this.taking(folderId).length;
  }

  taking(folderId: string): Taking[] {
    return [...this.#running.values()].filter((one) => one.folderId === folderId);
  }

  /** Forgets what waits in line of a folder; what is being read ends on its own. */
  drop(folderId: string): void {
    for (const { file } of this.#queue.filter(({ folder }) => folder.id === folderId)) this.#busy.delete(idOf(file));
    const left = this.#queue.filter(({ folder }) => folder.id !== folderId);
    this.#queue.splice(0, this.#queue.length, ...left);
  }

  /** Begins nothing more. What is being read ends on its own or with the store. */
  stop(): void {
    this.#stopped = true;
    this.#queue.length = 0;
  }

  #pump(): void {
    while (!this.#stopped && this.#running.size < this.#parts.concurrency) {
      const next = this.#queue.shift();
      if (!next) return;
      const { folder, file } = next;
      const id = idOf(file);
      const path = joinText(file.dir, file.name);
      this.#running.set(id, { folderId: folder.id, path: shownName(path), size: file.facts.size, bytes: 0 });
      void this.#take(folder, file).then((end) => {
        this.#running.delete(id);
        this.#busy.delete(id);
        if (this.#stopped) return;
        this.#parts.done(folder, file, end);
        this.#pump();
      });
    }
  }

  /** Never rejects. */
  async #take(folder: WatchFolder, file: WatchedFile): Promise<TakeEnd> {
    try {
      const end = await this.#attempt(folder, file);
      if (!this.#stopped) await this.#record(folder, file, end);
      return end;
    } catch (error) {
      const reason = error instanceof HoldfastError ? error.message : `it could not be taken: ${String(error)}`;
      const end = { kind: 'failed' as const, reason };
      if (this.#stopped) return end;
      this.#parts.log.warn({ ...facts(folder, file), err: error }, 'a file could not be taken; trying again later');
      await this.#record(folder, file, end).catch((cause: unknown) =>
        this.#parts.log.error({ ...facts(folder, file), err: cause }, 'the state of a watched file was not written'),
      );
      return end;
    }
  }

  async #attempt(folder: WatchFolder, file: WatchedFile): Promise<TakeEnd> {
    const writer = await this.#parts.writers.writerOf(file.facts);
    if (writer !== null) return { kind: 'open', reason: `process ${writer} has it open for writing` };
    const taking = this.#running.get(idOf(file));
    const shownPath = shownName(joinText(file.dir, file.name));
    const filename = shownName(file.name);
    const pathText = joinText(folder.path.replaceAll('%', '%25'), joinText(file.dir, file.name));
    return await this.#parts.takeIn.take({
      folder,
      file,
      path: pathIn(folder.path, file.dir, file.name),
      pathText,
      filename,
      shownPath,
      sourceId: placeId(file.folderId, file.dir, file.name),
      declaredType: typeByName(filename),
      onBytes: (bytes) => {
        if (taking) taking.bytes = bytes;
      },
    });
  }

  async #record(folder: WatchFolder, file: WatchedFile, end: TakeEnd): Promise<void> {
    const { store, clock, log } = this.#parts;
    const now = clock.now();
    switch (end.kind) {
      case 'taken':
        return log.info({ ...facts(folder, file), assetId: end.assetId, how: end.how }, 'file taken');
      case 'known':
        return log.info({ ...facts(folder, file), sha256: end.sha256 }, 'file passed over: processed before');
      case 'ignored':
        log.info({ ...facts(folder, file), reason: end.reason }, 'file ignored');
        return await store.save([{ ...file, state: 'ignored', reason: end.reason, attempts: 0 }]);
      case 'changed':
        // The next scan sees what it is now.
        return log.debug({ ...facts(folder, file), reason: end.reason }, 'file changed while it was taken');
      case 'open':
        return await store.save([{ ...file, reason: end.reason, notBefore: now + folder.settleMs }]);
      case 'unreadable':
      case 'failed': {
        const attempts = file.attempts + 1;
        const notBefore = now + takeRetryMs(attempts);
        if (end.kind === 'unreadable') log.warn({ ...facts(folder, file), reason: end.reason }, 'file not readable');
        return await store.save([{ ...file, reason: end.reason, attempts, notBefore }]);
      }
    }
  }
}

function idOf({ folderId, dir, name }: WatchedKey): string {
  return `${folderId}/${dir}/${name}`;
}

function facts(folder: WatchFolder, file: WatchedFile): Record<string, unknown> {
  return { folder: folder.path, file: shownName(joinText(file.dir, file.name)), size: file.facts.size };
}
