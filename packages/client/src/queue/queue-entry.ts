/** One upload in the hands of the leading tab: its record, its bytes if this page has them, and the engine's handle while it is at work. */
import type { Runtime } from '../runtime.ts';
import type { UploadHandle } from '../upload-handle.ts';
import { composeItem } from './compose-item.ts';
import type { QueueItem } from './queue-item.ts';
import type { UploadRow } from './queue-row.ts';
import { ReceiptBook } from './receipt-book.ts';
import type { SwitchedStorage } from './storage-switch.ts';

export interface EntryOptions {
  readonly storage: SwitchedStorage;
  readonly runtime: Runtime;
  readonly endpoint: string;
}

export class QueueEntry {
  row: UploadRow;
  /** The content, while it is not stored. */
  live: Blob | null = null;
  handle: UploadHandle | null = null;
  retryAt: number | null = null;
  /** Whether the end of its handle is being written down. */
  settling = false;
  readonly receipts: ReceiptBook;
  readonly #endpoint: string;
  #tail: Promise<void> = Promise.resolve();
  /** Tasks that wait for their turn or are at it. */
  #tasks = 0;
  #progress = 0;
  #cancelRetry = () => {};
  #unsubscribe = () => {};

  constructor(row: UploadRow, options: EntryOptions) {
    this.row = row;
    this.#endpoint = options.endpoint;
    this.receipts = new ReceiptBook({ ...options, row: () => this.row });
  }

  /** Whether the bytes to send can be had in this page. */
  get hasContent(): boolean {
    return this.live !== null || this.row.keeping === 'stored';
  }

  /** Whether the bytes are in the hands of some tab, and go with it. */
  get isHeld(): boolean {
    const { status, keeping } = this.row;
    if (status === 'completed' || status === 'cancelled' || status === 'needs-reselect') return false;
    return status === 'recording' || keeping === 'storing' || keeping === 'memory';
  }

  /** Whether they were handed to this page. */
  get isOurs(): boolean {
    return this.isHeld && this.live !== null;
  }

  /** Whether it could be sent now. */
  get isDue(): boolean {
    const wanted = this.row.status === 'queued' && this.#tasks === 0;
    return wanted && this.handle === null && this.retryAt === null && this.hasContent;
  }

  /** Whether it takes one of the places of those that are worked on. */
  get isAtWork(): boolean {
    return this.handle !== null && !['finishing', 'paused'].includes(this.handle.snapshot.state);
  }

  get item(): QueueItem {
    const item = composeItem(this.row, {
      snapshot: this.handle?.snapshot ?? null,
      acknowledgedBytes: this.receipts.ranges.bytes,
      acknowledgedChunks: this.receipts.chunks,
      retryAt: this.retryAt,
      progress: this.#progress,
      endpoint: this.#endpoint,
    });
    this.#progress = item.progress;
    return item;
  }

  /** What becomes of it is decided and written one after the other. It is not due before: it may be about to be paused, or to end. */
  async inTurn(task: () => Promise<void>): Promise<void> {
    this.#tasks += 1;
    const done = this.#tail.then(task);
    this.#tail = done.catch(() => {});
    try {
      await done;
    } finally {
      this.#tasks -= 1;
    }
  }

  begin(handle: UploadHandle, onChange: () => void): void {
    this.handle = handle;
    this.settling = false;
    this.#unsubscribe = handle.subscribe(onChange);
  }

  /** The engine has nothing to do with it any more. Returns the handle that was at work. */
  end(): UploadHandle | null {
    const { handle } = this;
    this.handle = null;
    this.#unsubscribe();
    this.#cancelRetry();
    this.retryAt = null;
    return handle;
  }

  retryLater(runtime: Runtime, ms: number, again: () => void): void {
    this.retryAt = runtime.now() + ms;
    this.#cancelRetry = runtime.after(ms, () => {
      this.retryAt = null;
      again();
    });
  }

  /** Progress starts over: other content, or nothing of it is left. */
  startOver(): void {
    this.#progress = 0;
  }
}
