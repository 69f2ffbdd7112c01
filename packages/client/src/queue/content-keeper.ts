/**
 * Bytes on their way into the store, and bytes that found no room there. As long as they are in this tab's hands it holds their lock; the
 * leading tab has a reference to the Blob and begins to send meanwhile.
 */
import type { Runtime } from '../runtime.ts';
import { UploadError } from '../upload-error.ts';
import { sourceUnreadable, unreadableBlob } from '../upload-source.ts';
import { hasRoomFor } from './browser-room.ts';
import { cancelledError } from './new-upload.ts';
import type { SliceRow, UploadRow } from './queue-row.ts';
import { isQuotaError, type SwitchedStorage } from './storage-switch.ts';
import type { TabLocks } from './tab-locks.ts';

export interface ContentKeeperOptions {
  readonly storage: SwitchedStorage;
  readonly runtime: Runtime;
  readonly locks: TabLocks;
  /** Ends when the queue is closed. */
  readonly signal: AbortSignal;
  /** False: nothing survives the page anyway. */
  readonly isDurable: () => boolean;
  /** A record is new or changed; with its content while that is not stored. */
  readonly announce: (id: string, blob: Blob | null) => Promise<void>;
}

/** Files that are written at once. More would only make the page wait. */
const writersMax = 2;
/** Below this a record holds the bytes themselves; a Blob would be a file of its own. */
const inlineBytesMax = 64 * 1024;

export class ContentKeeper {
  readonly #options: ContentKeeperOptions;
  /** What found no room, with the release of its lock. */
  readonly #inMemory = new Map<string, { readonly blob: Blob; readonly release: () => void }>();
  /** Room that is promised to files being written. */
  #promised = 0;
  #free = writersMax;
  readonly #waiting: (() => void)[] = [];

  constructor(options: ContentKeeperOptions) {
    this.#options = options;
  }

  /** Takes a new upload and its bytes. @throws UploadError `source-unreadable`, and `cancelled` when `wiped` aborts: then nothing is kept. */
  async take(row: UploadRow, blob: Blob, wiped: AbortSignal): Promise<void> {
    await this.#inTurn(async () => {
      const { storage, announce, isDurable } = this.#options;
      if (wiped.aborted) throw cancelledError();
      const fits = isDurable() && (await hasRoomFor(this.#promised + blob.size));
      if (fits && blob.size <= row.sliceBytes) {
        const whole: UploadRow = { ...row, keeping: 'stored' };
        const slice = blob.size === 0 ? undefined : await sliceOf(row.id, 0, blob);
        const kept = await storage.use((store) => store.insert(whole, slice)).then(() => true, noRoomOrThrow);
        if (kept && wiped.aborted) await this.#takeBack(row.id);
        if (kept) return announce(row.id, null);
      }
      const release = await this.#hold(row.id);
      await storage
        .use((store) => store.insert({ ...row, keeping: fits ? 'storing' : 'memory' }))
        .catch(notEvenARecord(release));
      if (wiped.aborted) await this.#takeBack(row.id).finally(release);
      await this.#keep({ id: row.id, blob, sliceBytes: row.sliceBytes, fits, release });
    });
  }

  /** Everything was wiped while it was being written. */
  async #takeBack(id: string): Promise<never> {
    await this.#options.storage.use((store) => store.remove([id]));
    throw cancelledError();
  }

  /** Takes the bytes of an upload whose file was selected again. `accept` makes the new record. */
  async takeAgain(row: UploadRow, blob: Blob, accept: (row: UploadRow) => UploadRow): Promise<void> {
    // Before its turn: whoever has it already may have it for long, and others shall not wait for that.
    const release = await this.#hold(row.id);
    await this.#inTurn(async () => {
      const { storage, isDurable } = this.#options;
      const fits = isDurable() && (await hasRoomFor(this.#promised + blob.size));
      const keeping = fits ? 'storing' : 'memory';
      let taken = false;
      // One that was cancelled while the file was picked stays so, and one whose file was selected twice goes on.
      const change = (before: UploadRow): UploadRow | null => {
        taken = before.status === 'needs-reselect';
        return taken ? { ...accept(before), keeping } : null;
      };
      await storage.use((store) => store.update(row.id, change)).catch(notEvenARecord(release));
      if (taken) await this.#keep({ id: row.id, blob, sliceBytes: row.sliceBytes, fits, release });
      else release();
    });
  }

  /** For a tab that begins to lead: what only this one has. */
  async offerAll(): Promise<void> {
    for (const [id, { blob }] of this.#inMemory) await this.#options.announce(id, blob);
  }

  /** An upload is over or gone. */
  letGo(id: string): void {
    this.#inMemory.get(id)?.release();
    this.#inMemory.delete(id);
  }

  close(): void {
    for (const id of [...this.#inMemory.keys()]) this.letGo(id);
  }

  #hold(id: string): Promise<() => void> {
    return this.#options.locks.hold(id, this.#options.signal);
  }

  async #keep(content: HeldContent): Promise<void> {
    const { storage, runtime, announce } = this.#options;
    const { id, blob, fits, release } = content;
    this.#promised += blob.size;
    try {
      await announce(id, blob);
      const stored = fits && (await this.#store(content));
      const keeping = stored ? 'stored' : 'memory';
      const now = runtime.now();
      // What is stored of it is no use without the rest.
      const also = stored ? {} : ({ drop: 'slices' } as const);
      const row = await storage.use((store) =>
        store.update(id, (before) => (isHeld(before) ? { ...before, keeping, updatedAt: now } : before), also),
      );
      if (stored || row === null || !isHeld(row)) release();
      else this.#inMemory.set(id, { blob, release });
      await announce(id, stored ? null : blob);
    } catch (error) {
      if (this.#options.signal.aborted) {
        // What is stored of it is looked at by the next tab that leads.
        release();
        throw cancelledError();
      }
      await storage.use((store) => store.remove([id])).catch(() => {});
      await announce(id, null).catch(() => {});
      release();
      throw error instanceof UploadError ? error : sourceUnreadable(unreadableBlob, error);
    } finally {
      this.#promised -= blob.size;
    }
  }

  /** Returns whether everything is in the store. False: there was no room. */
  async #store({ id, blob, sliceBytes }: HeldContent): Promise<boolean> {
    const { storage, signal } = this.#options;
    for (let start = 0; start < blob.size; start += sliceBytes) {
      signal.throwIfAborted();
      const slice = await sliceOf(id, start, blob.slice(start, start + sliceBytes));
      const kept = await storage
        .use((store) => store.putSlice(slice))
        .then((known) => (known ? 'kept' : 'gone'), noRoomOrThrow);
      // Cancelled meanwhile: whoever did that has seen to it.
      if (kept === 'gone') return true;
      if (kept === false) return false;
    }
    return true;
  }

  async #inTurn(task: () => Promise<void>): Promise<void> {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      await task();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free += 1;
      else next();
    }
  }
}

interface HeldContent {
  readonly id: string;
  readonly blob: Blob;
  readonly sliceBytes: number;
  /** Whether there should be room. */
  readonly fits: boolean;
  readonly release: () => void;
}

/** Whether the bytes are still needed and in a tab's hands. */
function isHeld({ status, keeping }: UploadRow): boolean {
  return status !== 'completed' && status !== 'cancelled' && (keeping === 'storing' || keeping === 'memory');
}

export async function sliceOf(uploadId: string, start: number, blob: Blob): Promise<SliceRow> {
  const bytes = blob.size <= inlineBytesMax ? await blob.arrayBuffer() : blob;
  return { uploadId, start, end: start + blob.size, bytes };
}

function noRoomOrThrow(error: unknown): false {
  if (isQuotaError(error)) return false;
  throw error;
}

/** Nothing is held any more: it can be added or selected again. */
function notEvenARecord(release: () => void): (cause: unknown) => never {
  return (cause) => {
    release();
    if (!isQuotaError(cause)) throw cause;
    const message = 'This browser has no room left, not even to note the upload. Free some space and add it again.';
    throw new UploadError(message, { type: 'validation', code: 'storage-full', retryable: true, cause });
  };
}
