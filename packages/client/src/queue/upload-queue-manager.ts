/** The queue as the page holds it: the same object over any number of `start` and `close`. Does nothing until it is asked to. */
import { createUploadClient } from '../create-client.ts';
import { defaultRuntime, type Runtime } from '../runtime.ts';
import type { UploadClient } from '../upload-client.ts';
import { composeItem } from './compose-item.ts';
import { isSameContent, isSameFile, markOf, otherFile } from './file-mark.ts';
import { cancelledError, invalid, newRow, ownerOf } from './new-upload.ts';
import type { QueueItem } from './queue-item.ts';
import type { FileMark, UploadRow } from './queue-row.ts';
import { QueueSession } from './queue-session.ts';
import type { QueueMetrics, QueueSnapshot } from './queue-snapshot.ts';
import { QueueView } from './queue-view.ts';
import { RecordingWriter } from './recording-writer.ts';
import { ShortSlices } from './short-slices.ts';
import type { CommandName } from './tab-channel.ts';
import type {
  QueueAddOptions,
  QueueEventName,
  QueueEvents,
  QueueRecording,
  UploadQueue,
  UploadQueueOptions,
} from './upload-queue.ts';

const hourMs = 3_600_000;
const activeMaxDefault = 4;

export class UploadQueueManager implements UploadQueue {
  readonly #options: UploadQueueOptions;
  readonly #runtime: Runtime;
  readonly #view: QueueView;
  readonly #slices: ShortSlices;
  #client: UploadClient | null = null;
  #session: { readonly session: QueueSession; readonly opened: Promise<void> } | null = null;
  #closing: Promise<void> = Promise.resolve();

  constructor(options: UploadQueueOptions) {
    this.#options = options;
    this.#runtime = { ...defaultRuntime(), ...options.runtime };
    this.#view = new QueueView(this.#runtime);
    this.#slices = new ShortSlices(this.#runtime);
  }

  async start(): Promise<void> {
    await this.#started();
  }

  get snapshot(): QueueSnapshot {
    return this.#view.store.value;
  }

  // Bound: hooks take it off the object.
  readonly subscribe = (listener: () => void): (() => void) => this.#view.store.subscribe(listener);

  list(): readonly QueueItem[] {
    return [...this.#view.items].sort((a, b) => a.createdAt - b.createdAt);
  }

  get(id: string): QueueItem | undefined {
    return this.#view.get(id);
  }

  metrics(): QueueMetrics {
    return this.#view.metrics;
  }

  on<K extends QueueEventName>(event: K, listener: (value: QueueEvents[K]) => void): () => void {
    return this.#view.on(event, listener);
  }

  async addUpload(
    blob: Blob,
    metadata: Readonly<Record<string, string>> = {},
    options: QueueAddOptions = {},
  ): Promise<string> {
    if (!(blob instanceof Blob)) throw invalid('addUpload takes a Blob or a File.');
    const id = newId();
    // Refuses what is wrong before anything is done.
    const row = this.#newRow({ id, blob, file: null, metadata, options });
    const session = await this.#started();
    const wiped = session.adding;
    await this.#slices.turn();
    throwIfCancelled(options.signal, wiped);
    const file = blob instanceof File ? await markOf(blob) : null;
    const asked = file === null ? null : await this.#askedFor(session, file);
    if (asked !== null) {
      await this.provideFile(asked.id, blob);
      return asked.id;
    }
    try {
      const content = await this.#prepared(row, blob, { ...options, wiped });
      throwIfCancelled(options.signal, wiped);
      const made = content === blob ? { file } : { file: null, contentType: content.type || row.contentType };
      session.persist();
      const keepUntil = made.file === null ? 'completion' : 'receipt';
      await session.keeper.take({ ...row, ...made, keepUntil, size: content.size }, content, wiped);
      return id;
    } catch (error) {
      // There is no record of it yet: nobody could take it off the list.
      if (this.#view.get(id)?.status === 'preparing') this.#view.drop(id);
      throw error;
    }
  }

  async openRecording(
    metadata: Readonly<Record<string, string>> = {},
    options: QueueAddOptions = {},
  ): Promise<QueueRecording> {
    const begun = this.#newRow({ id: newId(), blob: null, file: null, metadata, options });
    const row: UploadRow = { ...begun, status: 'recording', sliceBytes: 0 };
    const session = await this.#started();
    const wiped = session.adding;
    session.persist();
    const release = await session.locks.hold(row.id, session.signal);
    try {
      await session.storage.use((store) => store.insert(row));
      if (wiped.aborted) await session.storage.use((store) => store.remove([row.id]));
      throwIfCancelled(wiped);
    } catch (error) {
      release();
      throw error;
    }
    await session.announce(row.id, null);
    return new RecordingWriter({
      row,
      storage: session.storage,
      runtime: this.#runtime,
      release,
      announce: (id) => session.announce(id, null),
      onItem: (item) => this.#view.put(item),
    });
  }

  async provideFile(id: string, file: Blob): Promise<void> {
    const session = await this.#started();
    const row = await session.storage.use((store) => store.row(id));
    if (row === undefined || row.file === null || row.status !== 'needs-reselect') return;
    const offered = await markOf(file instanceof File ? file : new File([file], row.file.name));
    if (!isSameContent(row.file, offered)) throw otherFile(row.filename);
    const updatedAt = this.#runtime.now();
    await session.keeper.takeAgain(row, file, (before) => ({
      ...before,
      status: 'queued',
      reselected: true,
      file: offered,
      error: null,
      updatedAt,
    }));
  }

  pause(id: string): Promise<void> {
    return this.#command('pause', id);
  }

  resume(id: string): Promise<void> {
    return this.#command('resume', id);
  }

  retry(id: string): Promise<void> {
    return this.#command('retry', id);
  }

  cancel(id: string): Promise<void> {
    return this.#command('cancel', id);
  }

  remove(id: string): Promise<void> {
    return this.#command('remove', id);
  }

  async clear({ owner = ownerOf(this.#options) }: { readonly owner?: string } = {}): Promise<void> {
    const session = await this.#started();
    await session.clear(owner);
  }

  close(): Promise<void> {
    const current = this.#session;
    this.#session = null;
    if (current !== null) {
      const { session, opened } = current;
      this.#closing = opened
        .catch(() => {})
        .then(() => session.close())
        .then(() => this.#client?.close());
    }
    return this.#closing;
  }

  async #started(): Promise<QueueSession> {
    if (this.#session === null) {
      const { databaseName = 'holdfast-queue', activeMax = activeMaxDefault, endpoint } = this.#options;
      const { keepFinishedMs = 24 * hourMs, expireAfterMs = 30 * 24 * hourMs } = this.#options;
      this.#client ??= createUploadClient(this.#options);
      const session = new QueueSession({
        ...{ databaseName, activeMax, endpoint, keepFinishedMs, expireAfterMs, newId },
        owner: ownerOf(this.#options),
        client: this.#client,
        runtime: this.#runtime,
        view: this.#view,
      });
      // The stretch before lets go first.
      this.#session = { session, opened: this.#closing.then(() => session.open()) };
    }
    const current = this.#session;
    try {
      await current.opened;
    } catch (error) {
      // The next call tries anew.
      if (this.#session === current) this.#session = null;
      throw error;
    }
    return current.session;
  }

  async #command(name: CommandName, id: string): Promise<void> {
    const session = await this.#started();
    await session.command(name, id);
  }

  #newRow(wish: Omit<Parameters<typeof newRow>[0], 'now'>): UploadRow {
    return newRow({ ...wish, now: this.#runtime.now() }, this.#options);
  }

  /** An upload that waits for this very file. */
  async #askedFor(session: QueueSession, file: FileMark): Promise<UploadRow | null> {
    for (const { id, status } of this.#view.items) {
      if (status !== 'needs-reselect') continue;
      const row = await session.storage.use((store) => store.row(id));
      if (row?.file && isSameFile(row.file, file)) return row;
    }
    return null;
  }

  /** What is sent: the blob, or what `compress` makes of it. */
  async #prepared(
    row: UploadRow,
    blob: Blob,
    { config = {}, signal, wiped }: QueueAddOptions & { readonly wiped: AbortSignal },
  ): Promise<Blob> {
    if (config.compressionEnabled !== true) return blob;
    const { compress } = this.#options;
    if (compress === undefined) throw invalid('config.compressionEnabled needs the option compress of the queue.');
    const preparing = { ...composeItem(row), status: 'preparing' as const };
    let over = false;
    const show = (preparation: number) => {
      // What is told too late must not hide what became of it.
      if (!over && !wiped.aborted) this.#view.put(Object.freeze({ ...preparing, preparation }));
    };
    show(0);
    try {
      const unstopped = new AbortController().signal;
      return await compress(blob, { metadata: row.metadata, signal: signal ?? unstopped, onProgress: show });
    } finally {
      over = true;
    }
  }
}

function throwIfCancelled(...signals: (AbortSignal | undefined)[]): void {
  if (signals.some((signal) => signal?.aborted)) throw cancelledError();
}

/** 128 bits of chance, in hex. Not randomUUID: that is only there in secure contexts. */
function newId(): string {
  const bytes = globalThis.crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
