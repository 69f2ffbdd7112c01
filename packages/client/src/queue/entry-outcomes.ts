/**
 * What becomes of an upload, written down: durable first, then shown. A record that is gone (removed, wiped) does not come back, and what is over stays so: a
 * command may come while the end is being written.
 */
import { backoffMs } from '../backoff.ts';
import type { Runtime } from '../runtime.ts';
import type { UploadClient } from '../upload-client.ts';
import { UploadError } from '../upload-error.ts';
import { afterFailure } from './after-failure.ts';
import { errorFacts } from './compose-item.ts';
import type { QueueEntry } from './queue-entry.ts';
import { isOver, type TallyChange, type UploadRow } from './queue-row.ts';
import type { AlsoChange } from './queue-store.ts';
import type { SwitchedStorage } from './storage-switch.ts';

export interface OutcomeOptions {
  readonly storage: SwitchedStorage;
  readonly runtime: Runtime;
  readonly client: UploadClient;
  readonly show: (entry: QueueEntry) => void;
  readonly gone: (id: string) => void;
  readonly count: (change: TallyChange) => void;
  /** Milliseconds of sending since the last time that they were taken. */
  readonly takeSendingMs: () => number;
  /** It can be begun again. */
  readonly again: () => void;
}

export class EntryOutcomes {
  readonly #options: OutcomeOptions;

  constructor(options: OutcomeOptions) {
    this.#options = options;
  }

  /** Changes the record of what is not over. Resolves with whether there was one. */
  async write(entry: QueueEntry, change: Partial<UploadRow>, also: AlsoChange = {}): Promise<boolean> {
    const { storage, runtime, show, gone, count } = this.#options;
    const updatedAt = runtime.now();
    let over = false;
    const changed = (before: UploadRow): UploadRow | null => {
      over = isOver(before.status);
      return over ? null : { ...before, ...change, updatedAt };
    };
    const row = await storage.use((store) => store.update(entry.row.id, changed, also));
    if (row === null) {
      gone(entry.row.id);
      return false;
    }
    entry.row = row;
    if (also.tally !== undefined && !over) count(also.tally);
    show(entry);
    return true;
  }

  async completed(entry: QueueEntry, result: Pick<UploadRow, 'uploadId' | 'assetId' | 'sha256'>): Promise<void> {
    const { runtime, takeSendingMs } = this.#options;
    const { size: bytes, retries } = entry.row;
    entry.receipts.stop();
    const facts = { status: 'completed', keeping: 'released', error: null, completedAt: runtime.now() } as const;
    const tally = { completed: 1, bytes, sendingMs: takeSendingMs(), retries };
    await this.write(entry, { ...facts, ...result }, { tally, drop: 'all' });
    entry.end();
    entry.live = null;
  }

  async failed(entry: QueueEntry, error: UploadError): Promise<void> {
    const next = afterFailure(error, entry.row);
    const facts = errorFacts(error);
    const { retries } = entry.row;
    switch (next.kind) {
      case 'again':
        this.#retryLater(entry, error);
        await this.write(entry, { ...(await this.#anew(entry, next.anew)), retries: retries + 1, error: facts });
        break;
      case 'reselect':
        entry.live = null;
        entry.receipts.contentGone();
        await this.write(entry, { status: 'needs-reselect', keeping: 'released', error: facts }, { drop: 'slices' });
        break;
      case 'cancelled':
        await this.#cancelled(entry);
        break;
      case 'fail': {
        const anew = await this.#anew(entry, next.anew);
        await this.write(entry, { ...anew, status: 'failed', error: facts }, { tally: { failed: 1, retries } });
        break;
      }
      default:
        next satisfies never;
    }
  }

  async pause(entry: QueueEntry): Promise<void> {
    if (entry.retryAt !== null) entry.end();
    // The handle stays: the server's answer to a creation may still be on its way to it.
    void entry.handle?.pause();
    await this.write(entry, { status: 'paused' });
    await entry.receipts.flush();
  }

  async retry(entry: QueueEntry): Promise<void> {
    if (entry.row.status === 'failed') {
      // Its bytes are lost: it can only be added again.
      if (entry.row.keeping === 'released') return;
      await this.write(entry, { status: 'queued', retries: 0, error: null }, { tally: { failed: -1 } });
    } else if (entry.retryAt !== null) entry.end();
    else entry.handle?.retry();
  }

  async cancel(entry: QueueEntry): Promise<void> {
    if (isOver(entry.row.status)) return;
    const { uploadId } = entry.row;
    const handle = entry.end();
    if (handle !== null) void handle.cancel();
    else if (uploadId !== null) void this.#options.client.cancel(uploadId);
    await this.#cancelled(entry);
  }

  async #cancelled(entry: QueueEntry): Promise<void> {
    entry.live = null;
    entry.receipts.stop();
    await this.write(entry, { status: 'cancelled', keeping: 'released', error: null }, { drop: 'all' });
  }

  #retryLater(entry: QueueEntry, { retryAfterMs }: UploadError): void {
    const { runtime, again } = this.#options;
    const ms = backoffMs({ failures: entry.row.retries + 1, retryAfterMs, random: runtime.random() });
    entry.retryLater(runtime, ms, again);
  }

  /** The server has nothing left to go on from: what changes in the record. */
  async #anew(entry: QueueEntry, anew: boolean): Promise<Partial<UploadRow>> {
    if (!anew) return {};
    entry.startOver();
    await entry.receipts.forget();
    return { uploadId: null, totalChunks: 0, gridBytes: 0 };
  }
}

export function asUploadError(cause: unknown): UploadError {
  if (cause instanceof UploadError) return cause;
  const facts = { type: 'validation', code: 'unexpected', retryable: true, cause } as const;
  return new UploadError('The queue could not be written.', facts);
}
